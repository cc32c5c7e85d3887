// Requests to a Hub: the token goes to the endpoint and nowhere else, what may pass is tried again, and what the Hub
// refuses becomes a sentence.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/http.h"
#include "hub/repository.h"
#include "hub/settings.h"

namespace tekio::hub {

/// A file of a repository, as the Hub's answer to a HEAD describes it.
struct FileHead {
  std::string commit, etag;
  uint64_t size = 0;
  std::string location;  ///< where its content is to be had; another host, mostly
};

/// One connection; not for several threads at once.
class Client {
 public:
  explicit Client(const Settings& settings) : settings_(settings) {}
  const Settings& settings() const { return settings_; }
  /// One more connection to the same server.
  std::shared_ptr<Client> another() const {
    auto client = std::make_shared<Client>(settings_);
    client->was_answered_ = was_answered_;
    return client;
  }

  /// GET {endpoint}{path}: the answer's body. `about` is what an error speaks of. Errors: io.
  HttpAnswer get(const std::string& path, const Repository& about);

  /// A request that has a body, or whose status is to be looked at: the answer, whatever its status. Tried again like
  /// the others; `arrived`, where given, is asked before: true ends the tries, with status 0, as the one whose answer
  /// was lost did its work. `what` is sent, for messages. Errors: io.
  HttpAnswer send(HttpRequest request, const std::string& what, const std::function<bool()>& arrived = nullptr);
  /// The URL as one that this Hub answers: a mirror is told of the Hub's own.
  std::string at_endpoint(const std::string& url) const;

  /// nullopt: the repository has no such file. Errors: io.
  std::optional<FileHead> head(const Repository& repository, const std::string& commit, const std::string& path);
  /// Streams content from where `position` says on, again and again while that moves on. An answer that cannot be the
  /// file's is refused before anything is dropped or kept; a location that is refused is asked for anew, once. Errors:
  /// io.
  struct Download {
    std::function<uint64_t()> position;          ///< bytes kept so far
    std::function<void()> restart;               ///< what was kept is dropped: the server begins anew
    std::function<bool(std::string_view)> sink;  ///< false: more came than was promised, which ends the fetch
  };
  void download(const Repository& about, const std::string& path, const FileHead& file, const Download& to);

  /// {endpoint}/{id}/resolve/{revision}/{path}
  std::string resolve_url(const Repository& repository, const std::string& revision, const std::string& path) const;

 private:
  /// What a request is for, as messages speak of it.
  struct Errand {
    std::string what;
    bool sends = false;
    std::function<bool()> arrived = nullptr;
  };
  HttpAnswer ask(const HttpRequest& request, const Errand& errand);
  HttpRequest to(std::string url, const char* method);
  HttpAnswer get_content(const std::string& what, const std::string& url, const FileHead& file, const Download& to);
  bool is_endpoint_inner();
  bool is_endpoint(const std::string& url) const;
  [[noreturn]] void fail_status(const HttpAnswer& answer, const Repository& about, const std::string& path) const;

  Settings settings_;
  HttpConnection connection_;
  bool was_answered_ = false;              // once: what fails then may pass
  std::optional<bool> endpoint_is_inner_;  // of this machine or its network; looked up when it matters
};

/// "/api/models/ID", "/api/datasets/ID".
std::string api_path(const Repository& repository);

}  // namespace tekio::hub
