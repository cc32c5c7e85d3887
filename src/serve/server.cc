#include "serve/server.h"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <memory>
#include <thread>
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

void serve(http::Handler& handler, const std::string& host, int port, const http::Limits& limits,
           const std::function<void(int port)>& on_listening, const std::function<bool()>& should_stop) {
  const HttpModule module = load_module();
  std::string problem;
  const std::unique_ptr<http::Server> server(module.make_server(host, port, limits, handler, problem));
  if (!server)
    fail(ErrorKind::io, "cannot listen on {} port {}: {}; --host and --port name another address", printable(host),
         port, printable(problem, 300));
  std::exception_ptr failure;
  std::thread listening([&] {
    take_no_signals();
    server->run();
  });
  try {
    on_listening(server->port());
    while (!should_stop()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } catch (...) {  // standard output is closed: the server ends all the same
    failure = std::current_exception();
  }
  server->stop();
  listening.join();
  if (failure) std::rethrow_exception(failure);
}

void check_server() { load_module(); }

}  // namespace tekio::serve
