#include "hub/lfs.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace tekio::hub {
namespace {

constexpr size_t kObjectsARequest = 256;  // as huggingface_hub asks for them
constexpr const char* kLfsJson = "Content-Type: application/vnd.git-lfs+json";

bool is_number(const std::string& text) {
  return !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string::npos;
}

class LfsUpload {
 public:
  LfsUpload(Client& client, const std::function<void(const HttpAnswer&, const std::string&)>& refuse)
      : client_(client), refuse_(refuse) {}

  void run(const Repository& repository, const std::vector<LfsObject>& objects);

 private:
  void send_batch(const Json& decided, const std::map<std::string, const LfsObject*>& by_oid);
  void send_object(const Json& object, const LfsObject& file);
  void send_parts(const Json& upload, const LfsObject& file);
  HttpAnswer put(const std::string& url, std::string_view bytes, const LfsObject& file);
  HttpAnswer post(const std::string& url, const Json& body, const std::string& what);
  void show() const {
    if (client_.settings().on_progress)
      client_.settings().on_progress({.total = total_, .done = done_, .moved = moved_});
  }

  Client& client_;
  const std::function<void(const HttpAnswer&, const std::string&)>& refuse_;
  uint64_t done_ = 0, moved_ = 0, total_ = 0;  // bytes
};

HttpAnswer LfsUpload::post(const std::string& url, const Json& body, const std::string& what) {
  const std::string text = body.dump();
  HttpAnswer answer = client_.send({.method = "POST",
                                    .url = client_.at_endpoint(url),
                                    .headers = {kLfsJson, "Accept: application/vnd.git-lfs+json"},
                                    .body = text},
                                   what);
  if (answer.status / 100 != 2) refuse_(answer, what);
  return answer;
}

HttpAnswer LfsUpload::put(const std::string& url, std::string_view bytes, const LfsObject& file) {
  const std::string what = printable(file.path, 200);
  const uint64_t done = done_, moved = moved_;
  const auto tell = [&](uint64_t sent) {
    sent = std::min<uint64_t>(sent, bytes.size());
    done_ = done + sent, moved_ = moved + sent;
    show();
  };
  const HttpAnswer answer = client_.send({.method = "PUT",
                                          .url = url,
                                          .headers = {"Content-Type:"},  // none, as the URL was signed without
                                          .body = bytes,
                                          .on_sent = tell},
                                         what);
  if (answer.status / 100 != 2)
    fail(ErrorKind::io, "{} was not taken by {} (status {}): run again; nothing of the repository has changed", what,
         printable(url.substr(0, url.find('?')), 200), answer.status);
  tell(bytes.size());
  return answer;
}

void LfsUpload::send_parts(const Json& upload, const LfsObject& file) {
  const std::string what = printable(file.path, 200);
  const Json& header = upload.at("header");
  const Json& size = header.at("chunk_size");
  const std::string size_text = size.is_string() ? size.get<std::string>() : size.dump();
  const uint64_t part_bytes = is_number(size_text) ? std::strtoull(size_text.c_str(), nullptr, 10) : 0;
  std::map<uint64_t, std::string> urls;  // by number, from 1
  for (const auto& [name, value] : header.items())
    if (is_number(name) && value.is_string()) urls[std::strtoull(name.c_str(), nullptr, 10)] = value.get<std::string>();
  const uint64_t wanted = part_bytes == 0 ? 0 : (file.content.size() + part_bytes - 1) / part_bytes;
  if (part_bytes == 0 || urls.size() != wanted || urls.begin()->first != 1 || urls.rbegin()->first != wanted)
    fail(ErrorKind::io, "{}: the Hub wants its {} bytes in {} of {}, which is not all of it: run again", what,
         file.content.size(), counted(static_cast<int64_t>(urls.size()), "part"), printable(size_text, 40));
  Json parts = Json::array();
  for (const auto& [number, url] : urls) {
    const HttpAnswer answer = put(url, file.content.substr((number - 1) * part_bytes, part_bytes), file);
    if (answer.header("etag").empty())
      fail(ErrorKind::io, "{}: part {} was taken, but the answer has no ETag by which to name it: run again", what,
           number);
    parts.push_back({{"partNumber", number}, {"etag", answer.header("etag")}});
  }
  post(upload.at("href").get<std::string>(), {{"oid", file.sha256}, {"parts", parts}}, what + ", put together");
}

void LfsUpload::send_object(const Json& object, const LfsObject& file) {
  const std::string what = printable(file.path, 200);
  if (object.contains("error"))
    fail(ErrorKind::io, "the Hub does not take {}: {}", what,
         printable(object["error"].is_object() ? object["error"].value("message", "") : object["error"].dump(), 300));
  const auto actions = object.find("actions");
  if (actions == object.end() || actions->is_null() || !actions->contains("upload")) {  // it is there
    done_ += file.content.size();
    return show();
  }
  const Json& upload = (*actions)["upload"];
  const Json header = upload.value("header", Json::object());
  if (header.is_object() && header.contains("chunk_size"))
    send_parts(upload, file);
  else
    put(client_.at_endpoint(upload.at("href").get<std::string>()), file.content, file);
  if (actions->contains("verify"))
    post((*actions)["verify"].at("href").get<std::string>(), {{"oid", file.sha256}, {"size", file.content.size()}},
         what + ", to be verified");
}

void LfsUpload::send_batch(const Json& decided, const std::map<std::string, const LfsObject*>& by_oid) {
  size_t answered = 0;
  for (const Json& object : decided.at("objects")) {
    const auto file = by_oid.find(object.at("oid").get<std::string>());
    if (file == by_oid.end()) continue;
    ++answered;
    send_object(object, *file->second);
  }
  if (answered != by_oid.size())
    fail(ErrorKind::io, "the Hub was asked where {} may be put and answers for {} of them: run again",
         counted(static_cast<int64_t>(by_oid.size()), "file"), answered);
}

void LfsUpload::run(const Repository& repository, const std::vector<LfsObject>& objects) {
  std::map<std::string, const LfsObject*> unique;  // the same content under two names goes once
  for (const LfsObject& object : objects) unique.emplace(object.sha256, &object);
  for (const auto& [oid, object] : unique) total_ += object->content.size();
  const std::string url = fmt::format("{}/{}{}.git/info/lfs/objects/batch", client_.settings().endpoint,
                                      repository.type == RepoType::model ? "" : "datasets/", repository.id);
  while (!unique.empty()) {
    std::map<std::string, const LfsObject*> some;
    Json wanted = Json::array();
    while (!unique.empty() && some.size() < kObjectsARequest) some.insert(unique.extract(unique.begin()));
    for (const auto& [oid, object] : some) wanted.push_back({{"oid", oid}, {"size", object->content.size()}});
    const HttpAnswer answer = post(url,
                                   {{"operation", "upload"},
                                    {"transfers", {"basic", "multipart"}},
                                    {"objects", wanted},
                                    {"hash_algo", "sha256"},
                                    {"ref", {{"name", "main"}}}},
                                   "the list of large files");
    send_batch(parse_json(answer.body, printable(url, 200)), some);
  }
}

}  // namespace

void send_lfs_objects(Client& client, const Repository& repository, const std::vector<LfsObject>& objects,
                      const std::function<void(const HttpAnswer&, const std::string& what)>& refuse) {
  if (!objects.empty()) LfsUpload(client, refuse).run(repository, objects);
}

}  // namespace tekio::hub
