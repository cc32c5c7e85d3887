// Serving by HTTP: loads the module that speaks it.
#pragma once

#include <functional>
#include <string>

#include "http_module/module.h"

namespace tekio::serve {

/// Serves until `should_stop`, which is asked fifty times a second, and has answered what had arrived when it returns.
/// `on_listening` is told the port. Errors: io (the address cannot be had; this Tekio has no HTTP module).
void serve(http::Handler& handler, const std::string& host, int port, const http::Limits& limits,
           const std::function<void(int port)>& on_listening, const std::function<bool()>& should_stop);

/// Errors: io (this Tekio has no HTTP module), before anything else is opened.
void check_server();

}  // namespace tekio::serve
