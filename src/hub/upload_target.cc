#include "hub/upload_target.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"
#include "hub/pushed.h"

namespace tekio::hub {
namespace {

constexpr int kConflicts = 5;  // of somebody's requests that come in at the same time

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

}  // namespace

HttpAnswer UploadTarget::post(const std::string& path, const std::string& body, const char* type,
                              const std::string& what, const std::function<bool()>& arrived) {
  return client_.send({.method = "POST",
                       .url = client_.settings().endpoint + path,
                       .headers = {fmt::format("Content-Type: {}", type)},
                       .body = body},
                      what, arrived);
}

void UploadTarget::refuse(const HttpAnswer& answer, const std::string& what) const {
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

const Repository& UploadTarget::identify() {
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
void UploadTarget::create() {
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

bool UploadTarget::look() {
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

bool UploadTarget::is_known() const {
  return options_.overwrite || read_push_record(client_.settings(), repository_).commit == parent_;
}

void UploadTarget::fail_unknown(const std::vector<std::string>& names) const {
  fail(ErrorKind::io,
       "{} holds other files of these names ({}), and its last commit was not pushed from here, so nothing is pushed: "
       "name another repository, or replace them with '{}'",
       shown(repository_), listed(names), "tekio push … --overwrite");
}

Repository UploadTarget::prepare(const std::vector<std::string>& names, bool make) {
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

}  // namespace tekio::hub
