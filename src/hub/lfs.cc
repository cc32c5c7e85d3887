#include "hub/lfs.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/few_at_a_time.h"
#include "base/json.h"
#include "base/log.h"
#include "hub/fetch.h"

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
  void send_batch(const Json& decided, const std::vector<const LfsObject*>& files);
  void send_object(Client& client, const Json& object, const LfsObject& file);
  void send_parts(Client& client, const Json& upload, const LfsObject& file);
  HttpAnswer put(Client& client, const std::string& url, std::string_view bytes, const LfsObject& file);
  HttpAnswer post(Client& client, const std::string& url, const Json& body, const std::string& what) const;
  void show();

  Client& client_;
  const std::function<void(const HttpAnswer&, const std::string&)>& refuse_;
  uint64_t total_ = 0;                        // bytes
  std::atomic<int64_t> done_ = 0, sent_ = 0;  // the same; what is sent again counts once
  std::mutex telling_;                        // of how far it is
};

void LfsUpload::show() {
  if (!client_.settings().on_progress || !telling_.try_lock()) return;
  const std::lock_guard lock(telling_, std::adopt_lock);
  client_.settings().on_progress(
      {.total = total_, .done = static_cast<uint64_t>(done_), .moved = static_cast<uint64_t>(sent_)});
}

HttpAnswer LfsUpload::post(Client& client, const std::string& url, const Json& body, const std::string& what) const {
  const std::string text = body.dump();
  HttpAnswer answer = client.send({.method = "POST",
                                   .url = client.at_endpoint(url),
                                   .headers = {kLfsJson, "Accept: application/vnd.git-lfs+json"},
                                   .body = text},
                                  what);
  if (answer.status / 100 != 2) refuse_(answer, what);
  return answer;
}

HttpAnswer LfsUpload::put(Client& client, const std::string& url, std::string_view bytes, const LfsObject& file) {
  const std::string what = printable(file.path, 200);
  int64_t told = 0;
  const auto tell = [&](uint64_t sent) {  // from its beginning on, and again where it is sent again
    const auto now = static_cast<int64_t>(std::min<uint64_t>(sent, bytes.size()));
    done_ += now - told, sent_ += now - told;
    told = now;
    show();
  };
  const HttpAnswer answer = client.send({.method = "PUT",
                                         .url = url,
                                         .headers = {"Content-Type:"},  // none, as the URL was signed without
                                         .body = bytes,
                                         .on_sent = tell},
                                        what);
  if (answer.status / 100 != 2)
    fail(ErrorKind::io, "{} was not taken by {} (status {}): run again; nothing of the repository has changed", what,
         shown_url(url), answer.status);
  tell(bytes.size());
  return answer;
}

void LfsUpload::send_parts(Client& client, const Json& upload, const LfsObject& file) {
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
    const HttpAnswer answer = put(client, url, file.content.substr((number - 1) * part_bytes, part_bytes), file);
    if (answer.header("etag").empty())
      fail(ErrorKind::io, "{}: part {} was taken, but the answer has no ETag by which to name it: run again", what,
           number);
    parts.push_back({{"partNumber", number}, {"etag", answer.header("etag")}});
  }
  post(client, upload.at("href").get<std::string>(), {{"oid", file.sha256}, {"parts", parts}}, what + ", put together");
}

void LfsUpload::send_object(Client& client, const Json& object, const LfsObject& file) {
  const std::string what = printable(file.path, 200);
  if (object.contains("error"))
    fail(ErrorKind::io, "the Hub does not take {}: {}", what,
         printable(object["error"].is_object() ? object["error"].value("message", "") : object["error"].dump(), 300));
  const auto actions = object.find("actions");
  if (actions == object.end() || actions->is_null() || !actions->contains("upload")) {  // it is there
    done_ += static_cast<int64_t>(file.content.size());
    return show();
  }
  const Json& upload = (*actions)["upload"];
  const Json header = upload.value("header", Json::object());
  if (header.is_object() && header.contains("chunk_size"))
    send_parts(client, upload, file);
  else
    put(client, client.at_endpoint(upload.at("href").get<std::string>()), file.content, file);
  if (actions->contains("verify"))
    post(client, (*actions)["verify"].at("href").get<std::string>(),
         {{"oid", file.sha256}, {"size", file.content.size()}}, what + ", to be verified");
}

void LfsUpload::send_batch(const Json& decided, const std::vector<const LfsObject*>& files) {
  std::map<std::string, const Json*> by_oid;
  for (const Json& object : decided.at("objects")) by_oid.emplace(object.at("oid").get<std::string>(), &object);
  const auto unanswered =
      std::ranges::count_if(files, [&](const auto* file) { return !by_oid.contains(file->sha256); });
  if (unanswered > 0)
    fail(ErrorKind::io, "the Hub was asked where {} may be put and answers for {} of them: run again",
         counted(static_cast<int64_t>(files.size()), "file"), static_cast<int64_t>(files.size()) - unanswered);
  few_at_a_time(files.size(), kConnections, [&] {
    return [&, client = client_.another()](size_t i) { send_object(*client, *by_oid.at(files[i]->sha256), *files[i]); };
  });
}

void LfsUpload::run(const Repository& repository, const std::vector<LfsObject>& objects) {
  std::vector<const LfsObject*> unique;  // the same content under two names goes once
  std::set<std::string_view> seen;
  for (const LfsObject& object : objects)
    if (seen.insert(object.sha256).second) unique.push_back(&object);
  for (const LfsObject* object : unique) total_ += object->content.size();
  const std::string url = fmt::format("{}/{}{}.git/info/lfs/objects/batch", client_.settings().endpoint,
                                      repository.type == RepoType::model ? "" : "datasets/", repository.id);
  for (size_t begin = 0; begin < unique.size(); begin += kObjectsARequest) {
    const auto first = unique.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto count = static_cast<std::ptrdiff_t>(std::min(kObjectsARequest, unique.size() - begin));
    const std::vector<const LfsObject*> some(first, first + count);
    Json wanted = Json::array();
    for (const LfsObject* object : some) wanted.push_back({{"oid", object->sha256}, {"size", object->content.size()}});
    const HttpAnswer answer = post(client_, url,
                                   {{"operation", "upload"},
                                    {"transfers", {"basic", "multipart"}},
                                    {"objects", wanted},
                                    {"hash_algo", "sha256"},
                                    {"ref", {{"name", "main"}}}},
                                   "the list of large files");
    send_batch(parse_json(answer.body, shown_url(url)), some);
  }
}

}  // namespace

void send_lfs_objects(Client& client, const Repository& repository, const std::vector<LfsObject>& objects,
                      const std::function<void(const HttpAnswer&, const std::string& what)>& refuse) {
  if (!objects.empty()) LfsUpload(client, refuse).run(repository, objects);
}

}  // namespace tekio::hub
