// In the Hub's order: the card, whose token it is, create, preupload (which says what goes by git-lfs and what is there
// already), git-lfs, one commit upon the one that was looked at. The commit is the one request whose answer may be lost
// after it did its work: before it is sent again, the branch is looked at.
#include "hub/upload.h"

#include <algorithm>
#include <map>

#include "base/base64.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "hub/digest.h"
#include "hub/lfs.h"
#include "hub/pushed.h"
#include "hub/upload_target.h"

namespace tekio::hub {
namespace {

constexpr size_t kSampleBytes = 512, kFilesARequest = 256;  // as huggingface_hub sends them
constexpr size_t kLongestRegular = size_t{64} << 20;        // of a file within the commit; the Hub's own limit is lower

/// A file with what the Hub decided of it.
struct Pending {
  const UploadFile* source;
  MappedFile file = {};
  std::string_view content = {};
  bool lfs = false, unchanged = false, ignored = false, replaces = false;
  std::string digest = {};  // SHA-256 of git-lfs' files, git's own of the others

  std::string shown() const { return printable(source->path, 200); }
};

class Uploader {
 public:
  explicit Uploader(UploadTarget& target) : target_(target) {}
  Uploaded run(const std::vector<UploadFile>& files);

 private:
  void check_card(const std::vector<Pending>& files);
  void preupload(std::vector<Pending>& files);
  void decide(const Json& decided, std::vector<Pending>& files, size_t begin, size_t end) const;
  void send_large(const std::vector<Pending>& files);
  std::string commit(std::vector<Pending>& files);
  std::string commit_lines(const std::vector<Pending>& files) const;
  bool has_arrived(std::vector<Pending>& files);

  UploadTarget& target_;
};

void Uploader::decide(const Json& decided, std::vector<Pending>& files, size_t begin, size_t end) const {
  std::map<std::string, const Json*> by_path;
  for (const Json& entry : decided.at("files")) by_path.emplace(entry.at("path").get<std::string>(), &entry);
  for (size_t i = begin; i < end; ++i) {
    Pending& file = files[i];
    const auto found = by_path.find(file.source->path);
    if (found == by_path.end())
      fail(ErrorKind::io, "{} does not say how {} is to be sent: run again", target_.endpoint(), file.shown());
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
      fail(ErrorKind::io, "{} wants {} within the commit, but it has {}", target_.endpoint(), file.shown(),
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
                       {"repoType", target_.repository().type == RepoType::model ? "model" : "dataset"}};
  const HttpAnswer answer =
      target_.post("/api/validate-yaml", wanted.dump(-1, ' ', false, Json::error_handler_t::replace),
                   "application/json", "README.md");
  const Json found = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (!found.is_object() || !found.contains("errors") || !found["errors"].is_array()) return;
  std::string problems;
  for (const Json& error : found["errors"])
    if (error.is_object()) problems += (problems.empty() ? "" : "; ") + error.value("message", "");
  if (!problems.empty())
    fail(ErrorKind::input, "{} does not take README.md: {}; mend what stands between its lines ---, or remove the file",
         target_.endpoint(), printable(problems, 500));
}

void Uploader::preupload(std::vector<Pending>& files) {
  const std::string path = api_path(target_.repository()) + "/preupload/main", what = "the list of files";
  for (size_t begin = 0; begin < files.size(); begin += kFilesARequest) {
    const size_t end = std::min(files.size(), begin + kFilesARequest);
    Json wanted = Json::array();
    for (size_t i = begin; i < end; ++i)
      wanted.push_back({{"path", files[i].source->path},
                        {"sample", base64(files[i].content.substr(0, kSampleBytes))},
                        {"size", files[i].content.size()}});
    const HttpAnswer answer = target_.post(path, Json{{"files", wanted}}.dump(), "application/json", what);
    if (answer.status != 200) target_.refuse(answer, what);
    decide(target_.answer_of(answer, path), files, begin, end);
  }
}

void Uploader::send_large(const std::vector<Pending>& files) {
  std::vector<LfsObject> objects;
  for (const Pending& file : files)
    if (file.lfs && !file.unchanged && !file.ignored) objects.push_back({file.source->path, file.digest, file.content});
  send_lfs_objects(target_.client(), target_.repository(), objects,
                   [this](const HttpAnswer& answer, const std::string& what) { target_.refuse(answer, what); });
}

std::string Uploader::commit_lines(const std::vector<Pending>& files) const {
  const Json header = {{"summary", target_.options().message},
                       {"description", target_.options().description},
                       {"parentCommit", target_.parent()}};
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
  const std::string before = target_.parent();
  if (!target_.look() || target_.parent() == before) return false;
  preupload(files);
  if (std::all_of(files.begin(), files.end(), [](const Pending& file) { return file.unchanged || file.ignored; }))
    return true;
  fail(ErrorKind::io,
       "{}: somebody else has committed meanwhile ({} is no longer its last commit), so nothing is pushed: look at {}, "
       "then run again",
       shown(target_.repository()), before.substr(0, 7), printable(target_.page(), 300));
}

/// The commit's name.
std::string Uploader::commit(std::vector<Pending>& files) {
  const std::string path = api_path(target_.repository()) + "/commit/main", what = "the commit",
                    lines = commit_lines(files);
  std::vector<Pending> again;  // what is looked up anew must not change what is reported
  for (const Pending& file : files)
    again.push_back({.source = file.source, .content = file.content, .lfs = file.lfs, .digest = file.digest});
  const HttpAnswer answer = target_.post(path, lines, "application/x-ndjson", what, [&] { return has_arrived(again); });
  if (answer.status == 0) return target_.parent();
  if (answer.status == 409 || answer.status == 412) {
    if (has_arrived(again)) return target_.parent();
    target_.refuse(answer, what);
  }
  if (answer.status != 200 && answer.status != 201) target_.refuse(answer, what);
  std::string made = target_.answer_of(answer, path).at("commitOid").get<std::string>();
  if (!is_commit(made))
    fail(ErrorKind::io, "{}: the answer of {} names no commit", shown(target_.repository()), target_.endpoint());
  return made;
}

Uploaded Uploader::run(const std::vector<UploadFile>& files) {
  std::vector<Pending> pending;
  for (const UploadFile& file : files) {
    Pending& added = pending.emplace_back(Pending{.source = &file});
    if (!file.text) added.file = MappedFile(file.file);
    added.content = file.text ? std::string_view(*file.text) : added.file.text();
  }
  check_card(pending);  // before a repository is made that would stay empty
  target_.prepare({}, /*make=*/true);
  preupload(pending);
  Uploaded result{.repository = target_.repository().id, .url = target_.page(), .commit = target_.parent()};
  std::vector<std::string> replaced;
  for (const Pending& file : pending) {
    auto& names = file.ignored ? result.ignored : file.unchanged ? result.unchanged : result.sent;
    names.push_back(file.source->path);
    if (!file.ignored) (file.unchanged ? result.unchanged_bytes : result.sent_bytes) += file.content.size();
    if (file.replaces && !file.ignored) replaced.push_back(file.source->path);
  }
  const bool known = target_.is_known();
  if (!replaced.empty() && !known) target_.fail_unknown(replaced);
  PushRecord record = read_push_record(target_.settings(), target_.repository());
  const bool is_made = result.sent.empty() && record.under_way;  // by a push that ended before it knew
  if (!result.sent.empty()) {
    send_large(pending);
    keep_push_record(target_.settings(), target_.repository(),
                     {.commit = known ? target_.parent() : record.commit, .under_way = true});
    result.commit = commit(pending);
  }
  if (known || is_made || !result.sent.empty())
    keep_push_record(target_.settings(), target_.repository(), {.commit = result.commit});
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
         shown(repository), shown_url(settings.endpoint));
}

/// What servers answer is read with the library's own checks; what these find is said once, here.
template <typename Work>
auto with_answers_checked(const Settings& settings, const Repository& repository, Work&& work) {
  check_settings(settings, repository);
  try {
    return work();
  } catch (const Json::exception& error) {
    fail(ErrorKind::io, "{}: an answer of {} is not as the Hub's are ({}): is HF_ENDPOINT right?", shown(repository),
         shown_url(settings.endpoint), printable(error.what(), 200));
  }
}

}  // namespace

Repository prepare_upload(const Settings& settings, const Repository& repository, const std::vector<std::string>& names,
                          const UploadOptions& options, bool make) {
  return with_answers_checked(settings, repository,
                              [&] { return UploadTarget(settings, repository, options).prepare(names, make); });
}

Repository with_owner(const Settings& settings, const Repository& repository) {
  if (repository.id.find('/') != std::string::npos) return repository;
  return with_answers_checked(settings, repository, [&] { return UploadTarget(settings, repository, {}).identify(); });
}

Uploaded upload(const Settings& settings, const Repository& repository, const std::vector<UploadFile>& files,
                const UploadOptions& options) {
  return with_answers_checked(settings, repository, [&] {
    UploadTarget target(settings, repository, options);
    return Uploader(target).run(files);
  });
}

}  // namespace tekio::hub
