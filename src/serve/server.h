// Serving by HTTP: loads the module that speaks it.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http_module/module.h"

namespace tekio::serve {

class Server {
 public:
  /// Takes the address; clients that come before start() wait. Errors: io (the address cannot be had; this Tekio has no
  /// HTTP module).
  Server(const std::string& host, int port, const http::Limits& limits);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const { return server_->port(); }
  /// How clients call it where this machine alone reaches it; else empty: they may know it by any name.
  std::vector<std::string> names() const;
  /// Serves on threads of its own until stop(). Once.
  void start(http::Handler& handler);
  /// Takes no further clients; what had arrived is answered when it returns, which is at `latest` at the latest. False:
  /// by then not all was, and is still being; the destructor waits for it.
  bool stop(std::chrono::steady_clock::time_point latest = std::chrono::steady_clock::time_point::max());

 private:
  const std::string host_;
  std::unique_ptr<http::Server> server_;
  bool stops_ = false;
  std::promise<void> ended_;
  const std::future<void> has_ended_ = ended_.get_future();
  std::thread listening_;
};

}  // namespace tekio::serve
