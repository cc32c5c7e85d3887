#include "serve/server.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/library.h"
#include "base/no_signals.h"

namespace tekio::serve {
namespace {

struct HttpModule {
  decltype(&tekio_http_module_version) version;
  decltype(&tekio_http_make_server) make_server;
};

HttpModule load_module() {
  const std::string place = find_own_module("libtekio_http.so", "TEKIO_HTTP_MODULE");
  const auto module =
      Library(place.c_str(),
              "libcpp-httplib0.11, or a Tekio that was built with cpp-httplib (scripts/setup.sh brings it)",
              "this Tekio has no server")
          .table<HttpModule>(std::pair("tekio_http_module_version", &HttpModule::version),
                             std::pair("tekio_http_make_server", &HttpModule::make_server));
  if (module.version() != http::kModuleVersion)
    fail(ErrorKind::io,
         "{} is of another version of Tekio: set TEKIO_HTTP_MODULE to the one that belongs to this program",
         printable(place, 300));
  return module;
}

}  // namespace

Server::Server(const std::string& host, int port, const http::Limits& limits) : host_(host) {
  std::string problem;
  server_.reset(load_module().make_server(host, port, limits, problem));
  if (!server_)
    fail(ErrorKind::io, "cannot listen on {} port {}: {}; another port or address may be free", printable(host), port,
         printable(problem, 300));
}

std::vector<std::string> Server::names() const {
  if (!server_->is_loopback()) return {};
  return {"localhost", "127.0.0.1", "[::1]", host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]"};
}

void Server::start(http::Handler& handler) {
  listening_ = std::thread([this, &handler] {
    take_no_signals();
    server_->run(handler);
    ended_.set_value();
  });
}

Server::~Server() {
  stop();
  if (listening_.joinable()) listening_.join();
}

bool Server::stop(std::chrono::steady_clock::time_point latest) {
  if (!listening_.joinable()) return true;
  if (!std::exchange(stops_, true)) server_->stop();
  return has_ended_.wait_until(latest) == std::future_status::ready;
}

}  // namespace tekio::serve
