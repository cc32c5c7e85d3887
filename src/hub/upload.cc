// In the Hub's order: whose token it is, create, preupload (which says what goes by git-lfs and what is there already),
// git-lfs, one commit upon the one that was looked at. The commit is the one request whose answer may be lost after it
// did its work: before it is sent again, the branch is looked at.
#include "hub/upload.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "hub/base64.h"
#include "hub/client.h"
#include "hub/digest.h"
#include "hub/lfs.h"
#include "hub/pushed.h"

namespace tekio::hub {
namespace {

constexpr size_t kSampleBytes = 512, kFilesARequest = 256;  // as huggingface_hub sends them
constexpr size_t kLongestRegular = size_t{64} << 20;        // of a file within the commit; the Hub's own limit is lower
constexpr int kConflicts = 5;                               // of somebody's requests that come in at the same time

/// A file with what the Hub decided of it.
struct Pending {
  const UploadFile* source;
  MappedFile file = {};
  std::string_view content = {};
  bool lfs = false, unchanged = false, ignored = false, replaces = false;
  std::string digest = {};  // SHA-256 of git-lfs' files, git's own of the others

  std::string shown() const { return printable(source->path, 200); }
};

/// "config.json, vocab.txt and 5 more".
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kNamed = 3;
  std::vector<std::string> some;
  for (const std::string& name : names)
    if (some.size() < kNamed) some.push_back(printable(name, 100));
  return fmt::format("{}{}", fmt::join(some, ", "),
                     names.size() > kNamed ? fmt::format(" and {} more", names.size() - kNamed) : "");
}

/// ": why", where the server says it.
std::string said_in(const HttpAnswer& answer) {
  std::string message = answer.header("x-error-message");
  const Json body = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (message.empty() && body.is_object() && body.contains("error") && body["error"].is_string())
    message = body["error"].get<std::string>();
  return message.empty() ? "" : fmt::format(": {}", printable(message, 300));
}

class Uploader {
 public:
  Uploader(const Settings& settings, const Repository& repository, const UploadOptions& options)
      : client_(settings), repository_(repository), options_(options) {}

  const Repository& identify();
  Repository prepare(const std::vector<std::string>& names, bool make);
  Uploaded run(const std::vector<UploadFile>& files);

 private:
  void create();
  bool look();
  bool is_known() const;
  [[noreturn]] void fail_unknown(const std::vector<std::string>& names) const;
  void check_card(const std::vector<Pending>& files);
  void preupload(std::vector<Pending>& files);
  void decide(const Json& decided, std::vector<Pending>& files, size_t begin, size_t end) const;
  void send_large(const std::vector<Pending>& files);
  std::string commit(std::vector<Pending>& files);
  std::string commit_lines(const std::vector<Pending>& files) const;
  bool has_arrived(std::vector<Pending>& files);
  HttpAnswer post(const std::string& path, const std::string& body, const char* type, const std::string& what,
                  const std::function<bool()>& arrived = nullptr);
  HttpAnswer get(const std::string& path, const std::string& what) {
    return client_.send({.method = "GET", .url = client_.settings().endpoint + path}, what);
  }
  [[noreturn]] void refuse(const HttpAnswer& answer, const std::string& what) const;
  Json answer_of(const HttpAnswer& answer, const std::string& path) const {
    return parse_json(answer.body, printable(client_.settings().endpoint + path, 200));
  }
  std::string endpoint() const { return printable(client_.settings().endpoint, 200); }
  std::string page() const {
    return fmt::format("{}/{}{}", client_.settings().endpoint, repository_.type == RepoType::model ? "" : "datasets/",
                       repository_.id);
  }

  Client client_;
  Repository repository_;
  const UploadOptions& options_;
  std::string parent_;              // the branch's last commit
  std::vector<std::string> there_;  // its files
  bool is_private_ = false;
};

HttpAnswer Uploader::post(const std::string& path, const std::string& body, const char* type, const std::string& what,
                          const std::function<bool()>& arrived) {
  return client_.send({.method = "POST",
                       .url = client_.settings().endpoint + path,
                       .headers = {fmt::format("Content-Type: {}", type)},
                       .body = body},
                      what, arrived);
}

/// What an answer that is no success means to who wants to write.
void Uploader::refuse(const HttpAnswer& answer, const std::string& what) const {
  const std::string said = said_in(answer);
  const std::string name = shown(repository_);
  if (answer.status == 401)
    fail(ErrorKind::io,
         "{} does not accept the token (status 401{}): it may have been revoked; set HF_TOKEN to one that is valid, or "
         "log in with 'hf auth login'",
         endpoint(), said);
  if (answer.status == 403)
    fail(ErrorKind::io,
         "the token may not write to {} (status 403{}): take one with the right to write there (HF_TOKEN, or 'hf auth "
         "login'), or name a repository of yours",
         name, said);
  if (answer.status == 404)
    fail(ErrorKind::io, "{} has no repository {} that this token may see (status 404{}): check the name", endpoint(),
         name, said);
  fail(ErrorKind::io, "{}: {} is refused by {} with status {}{}; nothing of the repository has changed", name, what,
       endpoint(), answer.status, said);
}

/// Whose token it is, and so whose a name without an owner is.
const Repository& Uploader::identify() {
  const std::string path = "/api/whoami-v2";
  const HttpAnswer answer = get(path, "the token");
  if (answer.status != 200) refuse(answer, "the token");
  const Json user = answer_of(answer, path);
  const Json token = user.value("auth", Json::object()).value("accessToken", Json::object());
  if (token.is_object() && token.value("role", "") == "read")
    fail(
        ErrorKind::io,
        "the token can only read at {}: pushing to {} needs one with the right to write (HF_TOKEN, or 'hf auth login')",
        endpoint(), shown(repository_));
  if (repository_.id.find('/') != std::string::npos) return repository_;
  const auto whole = parse_repository(user.value("name", "") + "/" + repository_.id, repository_.type);
  if (!whole)
    fail(ErrorKind::io, "{} does not say whose the token is: name the repository OWNER/{}", endpoint(),
         printable(repository_.id, 200));
  return repository_ = *whole;
}

/// Makes the repository where there is none.
void Uploader::create() {
  const size_t slash = repository_.id.find('/');
  Json wanted = {{"name", repository_.id.substr(slash + 1)}, {"organization", repository_.id.substr(0, slash)}};
  // Left out where it is not asked for: an organisation may have a rule of its own.
  if (options_.is_private) wanted["private"] = true, wanted["visibility"] = "private";
  if (repository_.type == RepoType::dataset) wanted["type"] = "dataset";
  const std::string what = "the repository's name", body = wanted.dump();
  for (int tries = 1;; ++tries) {
    const HttpAnswer answer = post("/api/repos/create", body, "application/json", what);
    if (answer.status == 200 || answer.status == 201) return;
    const bool at_once = answer.body.find("another conflicting operation") != std::string::npos;
    if (answer.status == 409 && at_once && tries < kConflicts) continue;
    if (answer.status == 409 && !at_once) return;  // it is there
    if (answer.status == 403 && look()) return;    // not to be made by this token, but there all the same
    refuse(answer, what);
  }
}

/// The branch as it is now; false where there is no such repository.
bool Uploader::look() {
  const std::string path = api_path(repository_) + "/revision/main";
  const HttpAnswer answer = get(path, shown(repository_));
  if (answer.status == 404) return false;
  if (answer.status != 200) refuse(answer, "the question what it holds");
  const Json info = answer_of(answer, path);
  parent_ = info.value("sha", "");
  is_private_ = info.value("private", false);
  if (!is_commit(parent_)) fail(ErrorKind::io, "{}: the answer of {} names no commit", shown(repository_), endpoint());
  there_.clear();
  for (const Json& file : info.value("siblings", Json::array())) there_.push_back(file.value("rfilename", ""));
  return true;
}

bool Uploader::is_known() const {
  return options_.overwrite || read_push_record(client_.settings(), repository_).commit == parent_;
}

void Uploader::fail_unknown(const std::vector<std::string>& names) const {
  fail(ErrorKind::io,
       "{} holds other files of these names ({}), and its last commit was not pushed from here, so nothing is pushed: "
       "name another repository, or replace them with 'tekio push … --overwrite'",
       shown(repository_), listed(names));
}

Repository Uploader::prepare(const std::vector<std::string>& names, bool make) {
  identify();
  if (make) create();
  if (!look()) {
    if (make) refuse({.status = 404, .headers = {}, .body = ""}, "what is pushed");
    return repository_;
  }
  if (options_.is_private && !is_private_)
    fail(ErrorKind::io,
         "{} is there already and everybody can see it, but it is to be private: make it so at {}/settings, name "
         "another repository, or leave the wish out",
         shown(repository_), printable(page(), 300));
  std::vector<std::string> both;
  for (const std::string& name : names)
    if (std::find(there_.begin(), there_.end(), name) != there_.end()) both.push_back(name);
  if (!both.empty() && !is_known()) fail_unknown(both);
  return repository_;
}

void Uploader::decide(const Json& decided, std::vector<Pending>& files, size_t begin, size_t end) const {
  std::map<std::string, const Json*> by_path;
  for (const Json& entry : decided.at("files")) by_path.emplace(entry.at("path").get<std::string>(), &entry);
  for (size_t i = begin; i < end; ++i) {
    Pending& file = files[i];
    const auto found = by_path.find(file.source->path);
    if (found == by_path.end())
      fail(ErrorKind::io, "{} does not say how {} is to be sent: run again", endpoint(), file.shown());
    const Json& entry = *found->second;
    // An empty file has no content that could be kept elsewhere.
    const bool lfs = entry.at("uploadMode").get<std::string>() == "lfs" && !file.content.empty();
    if (file.digest.empty() || file.lfs != lfs) {
      Digest digest(lfs ? Digest::Kind::sha256 : Digest::Kind::git_blob, file.content.size());
      digest.update(file.content);
      file.digest = digest.hex();
    }
    file.lfs = lfs;
    file.ignored = entry.value("shouldIgnore", false);
    const auto oid = entry.find("oid");
    const bool is_there = oid != entry.end() && oid->is_string();
    file.unchanged = is_there && oid->get<std::string>() == file.digest;
    file.replaces = is_there && !file.unchanged;
    if (!file.lfs && file.content.size() > kLongestRegular)
      fail(ErrorKind::io, "{} wants {} within the commit, but it has {}", endpoint(), file.shown(),
           bytes_text(file.content.size()));
  }
}

/// A card whose metadata the Hub does not take would have the commit refused, after all has been sent. Where it cannot
/// be asked, the commit is asked.
void Uploader::check_card(const std::vector<Pending>& files) {
  const auto card =
      std::find_if(files.begin(), files.end(), [](const Pending& f) { return f.source->path == "README.md"; });
  if (card == files.end()) return;
  const Json wanted = {{"content", card->content},
                       {"repoType", repository_.type == RepoType::model ? "model" : "dataset"}};
  const HttpAnswer answer = post("/api/validate-yaml", wanted.dump(-1, ' ', false, Json::error_handler_t::replace),
                                 "application/json", "README.md");
  const Json found = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (!found.is_object() || !found.contains("errors") || !found["errors"].is_array()) return;
  std::string problems;
  for (const Json& error : found["errors"])
    if (error.is_object()) problems += (problems.empty() ? "" : "; ") + error.value("message", "");
  if (!problems.empty())
    fail(ErrorKind::input, "{} does not take README.md: {}; mend what stands between its lines ---, or remove the file",
         endpoint(), printable(problems, 500));
}

void Uploader::preupload(std::vector<Pending>& files) {
  const std::string path = api_path(repository_) + "/preupload/main", what = "the list of files";
  for (size_t begin = 0; begin < files.size(); begin += kFilesARequest) {
    const size_t end = std::min(files.size(), begin + kFilesARequest);
    Json wanted = Json::array();
    for (size_t i = begin; i < end; ++i)
      wanted.push_back({{"path", files[i].source->path},
                        {"sample", base64(files[i].content.substr(0, kSampleBytes))},
                        {"size", files[i].content.size()}});
    const HttpAnswer answer = post(path, Json{{"files", wanted}}.dump(), "application/json", what);
    if (answer.status != 200) refuse(answer, what);
    decide(answer_of(answer, path), files, begin, end);
  }
}

void Uploader::send_large(const std::vector<Pending>& files) {
  std::vector<LfsObject> objects;
  for (const Pending& file : files)
    if (file.lfs && !file.unchanged && !file.ignored) objects.push_back({file.source->path, file.digest, file.content});
  send_lfs_objects(client_, repository_, objects,
                   [this](const HttpAnswer& answer, const std::string& what) { refuse(answer, what); });
}

std::string Uploader::commit_lines(const std::vector<Pending>& files) const {
  const Json header = {{"summary", options_.message}, {"description", options_.description}, {"parentCommit", parent_}};
  std::string lines = Json{{"key", "header"}, {"value", header}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  lines += "\n";
  for (const Pending& file : files) {
    if (file.unchanged || file.ignored) continue;
    const std::string& path = file.source->path;
    const Json value =
        file.lfs ? Json{{"path", path}, {"algo", "sha256"}, {"oid", file.digest}, {"size", file.content.size()}}
                 : Json{{"content", base64(file.content)}, {"path", path}, {"encoding", "base64"}};
    lines += Json{{"key", file.lfs ? "lfsFile" : "file"}, {"value", value}}.dump() + "\n";
  }
  return lines;
}

/// Whether the branch has moved on, and to what is being pushed.
bool Uploader::has_arrived(std::vector<Pending>& files) {
  const std::string before = parent_;
  if (!look() || parent_ == before) return false;
  preupload(files);
  if (std::all_of(files.begin(), files.end(), [](const Pending& file) { return file.unchanged || file.ignored; }))
    return true;
  fail(ErrorKind::io,
       "{}: somebody else has committed meanwhile ({} is no longer its last commit), so nothing is pushed: look at {}, "
       "then run again",
       shown(repository_), before.substr(0, 7), printable(page(), 300));
}

/// The commit's name.
std::string Uploader::commit(std::vector<Pending>& files) {
  const std::string path = api_path(repository_) + "/commit/main", what = "the commit", lines = commit_lines(files);
  std::vector<Pending> again;  // what is looked up anew must not change what is reported
  for (const Pending& file : files)
    again.push_back({.source = file.source, .content = file.content, .lfs = file.lfs, .digest = file.digest});
  const HttpAnswer answer = post(path, lines, "application/x-ndjson", what, [&] { return has_arrived(again); });
  if (answer.status == 0) return parent_;
  if (answer.status == 409 || answer.status == 412) {
    if (has_arrived(again)) return parent_;
    refuse(answer, what);
  }
  if (answer.status != 200 && answer.status != 201) refuse(answer, what);
  std::string made = answer_of(answer, path).at("commitOid").get<std::string>();
  if (!is_commit(made)) fail(ErrorKind::io, "{}: the answer of {} names no commit", shown(repository_), endpoint());
  return made;
}

Uploaded Uploader::run(const std::vector<UploadFile>& files) {
  prepare({}, /*make=*/true);
  std::vector<Pending> pending;
  for (const UploadFile& file : files) {
    Pending& added = pending.emplace_back(Pending{.source = &file});
    if (!file.text) added.file = MappedFile(file.file);
    added.content = file.text ? std::string_view(*file.text) : added.file.text();
  }
  check_card(pending);
  preupload(pending);
  Uploaded result{.repository = repository_.id, .url = page(), .commit = parent_};
  std::vector<std::string> replaced;
  for (const Pending& file : pending) {
    auto& names = file.ignored ? result.ignored : file.unchanged ? result.unchanged : result.sent;
    names.push_back(file.source->path);
    if (!file.ignored) (file.unchanged ? result.unchanged_bytes : result.sent_bytes) += file.content.size();
    if (file.replaces && !file.ignored) replaced.push_back(file.source->path);
  }
  const bool known = is_known();
  if (!replaced.empty() && !known) fail_unknown(replaced);
  PushRecord record = read_push_record(client_.settings(), repository_);
  const bool is_made = result.sent.empty() && record.under_way;  // by a push that ended before it knew
  if (!result.sent.empty()) {
    send_large(pending);
    keep_push_record(client_.settings(), repository_, {.commit = known ? parent_ : record.commit, .under_way = true});
    result.commit = commit(pending);
  }
  if (known || is_made || !result.sent.empty())
    keep_push_record(client_.settings(), repository_, {.commit = result.commit});
  return result;
}

void check_settings(const Settings& settings, const Repository& repository) {
  if (settings.offline)
    fail(ErrorKind::usage, "pushing to {} needs the network: leave --offline and HF_HUB_OFFLINE out",
         shown(repository));
  if (settings.token.empty())
    fail(ErrorKind::usage,
         "pushing to {} needs a token with the right to write: make one at {}/settings/tokens, and set HF_TOKEN to it "
         "or log in with 'hf auth login'",
         shown(repository), printable(settings.endpoint, 200));
}

/// What servers answer is read with the library's own checks; what these find is said once, here.
template <typename Work>
auto with_answers_checked(const Settings& settings, const Repository& repository, Work&& work) {
  check_settings(settings, repository);
  try {
    return work();
  } catch (const Json::exception& error) {
    fail(ErrorKind::io, "{}: an answer of {} is not as the Hub's are ({}): is HF_ENDPOINT right?", shown(repository),
         printable(settings.endpoint, 200), printable(error.what(), 200));
  }
}

}  // namespace

Repository prepare_upload(const Settings& settings, const Repository& repository, const std::vector<std::string>& names,
                          const UploadOptions& options, bool make) {
  return with_answers_checked(settings, repository,
                              [&] { return Uploader(settings, repository, options).prepare(names, make); });
}

Repository with_owner(const Settings& settings, const Repository& repository) {
  if (repository.id.find('/') != std::string::npos) return repository;
  return with_answers_checked(settings, repository, [&] { return Uploader(settings, repository, {}).identify(); });
}

Uploaded upload(const Settings& settings, const Repository& repository, const std::vector<UploadFile>& files,
                const UploadOptions& options) {
  return with_answers_checked(settings, repository, [&] { return Uploader(settings, repository, options).run(files); });
}

}  // namespace tekio::hub
