// Serving by HTTP: loads the module that speaks it.
#pragma once

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
  ~Server() { stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const { return server_->port(); }
  /// How clients call it where this machine alone reaches it; else empty: they may know it by any name.
  std::vector<std::string> names() const;
  /// Serves on threads of its own until stop(). Once.
  void start(http::Handler& handler);
  /// Takes no further clients; what had arrived is answered when it returns.
  void stop();

 private:
  const std::string host_;
  std::unique_ptr<http::Server> server_;
  std::thread listening_;
};

}  // namespace tekio::serve
