// What libtekio_http.so exports: an HTTP/1.1 server, by cpp-httplib, which knows nothing of what it serves. A module of
// its own, so that the program neither needs that library and TLS's behind it nor loads them where nothing is served.
// No exception leaves it, and none may leave a handler.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tekio::http {

/// Differs where anything here does.
constexpr int32_t kModuleVersion = 10;

struct Request {
  std::string method, path;                     ///< the path decoded, without what follows a question mark
  std::string host = {};                        ///< that the address names, or else the header
  std::string origin = {}, authorization = {};  ///< the headers of these names
  std::string body = {};
  /// Whether the client has closed its end, while the request is being answered; from any thread.
  std::function<bool()> has_left = {};
};

struct Reply {
  int status = 200;
  std::string type = "application/json", body;
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// Where it is there, what is sent instead of `body`: piece by piece, as it gives them. It waits no longer than a
  /// second; an empty piece: nothing yet; false: that was the last one.
  std::function<bool(std::string& piece)> stream = {};
  std::shared_ptr<void> held = {};  ///< let go once the reply was sent
  /// Whether others wait for what is held; then a client that takes nothing for `Limits::hurry` is cut.
  std::function<bool()> is_wanted = {};
};

/// Called on the connections' threads, several at once.
class Handler {
 public:
  virtual ~Handler() = default;
  /// Before the body is read: true, or false with the reply that refuses the request.
  virtual bool admit(const Request& head, Reply& refusal) = 0;
  /// May let go the request's body, which it needs no longer.
  virtual Reply answer(Request& request) = 0;
  /// For what is refused by what HTTP and `Limits` say (400, 408, 413, 414, 415, 429, 431, 501): the body.
  virtual Reply error(int status) = 0;
  /// After a reply was sent; `seconds` since its request's head was read.
  virtual void answered(const Request& request, int status, double seconds) = 0;
};

struct Limits {
  std::chrono::milliseconds idle{75'000};     ///< between requests of one connection, and before the first
  std::chrono::milliseconds request{20'000};  ///< from its first byte to its head's last; again for its body
  /// What is left of that once others wait for a thread, or it stops; how long who takes an answer may take nothing of
  /// it once others wait; and how long a large body may stand still once others need its room.
  std::chrono::milliseconds hurry{1'000};
  std::chrono::milliseconds reply{30'000};  ///< likewise; of a stream each piece
  uint64_t body = 1'000'000;                ///< bytes
  uint64_t large = 64'000;                  ///< bytes of a body that counts as large
  uint64_t large_bodies = 32'000'000;  ///< bytes of all large ones that are read or answered; one alone may have more
  uint64_t connections = 512;          ///< served at once; further ones wait
  /// That wait so, or as many as there are descriptors for; then who has only sent part of a request for `hurry` is cut
  /// for another.
  uint64_t crowd = 8'192;
  /// Paths whose GET or HEAD is answered at once though as many are served as may be: for these the handler waits for
  /// nothing.
  std::span<const std::string_view> urgent = {};
};

/// Has its address: clients that come before run() wait for it.
class Server {
 public:
  virtual ~Server() = default;
  virtual int port() const = 0;
  /// Only this machine reaches it.
  virtual bool is_loopback() const = 0;
  /// Serves until stop(); what had arrived by then is answered before it returns. `handler` must outlive that.
  virtual void run(Handler& handler) = 0;
  /// From another thread, once.
  virtual void stop() = 0;
};

}  // namespace tekio::http

extern "C" {
__attribute__((visibility("default"))) int32_t tekio_http_module_version();
/// Takes the port (0: any that is free). Null: it cannot, and `problem` says why.
__attribute__((visibility("default"))) tekio::http::Server* tekio_http_make_server(const std::string& host, int port,
                                                                                   const tekio::http::Limits& limits,
                                                                                   std::string& problem);
}
