// How a server ends: within bounds, whatever its clients do.
#pragma once

#include <chrono>

#include "serve/server.h"
#include "serve/service.h"

namespace tekio::serve {

/// From the wish to end on. A service manager that allows for less kills the server (packaging/tekio-serve.service).
struct EndTimes {
  std::chrono::milliseconds answers{30'000};  ///< so long what waits is answered, and then refused by 503
  std::chrono::milliseconds all{75'000};      ///< who is not answered wholly by then is to be cut
};

/// Takes no further clients and answers what had arrived, as far as there is time. False: somebody is still being
/// answered, for whom the server's destructor would wait: nothing stops a model, nor a client that takes its answer
/// slowly, but the end of the process.
bool end(Server& server, Service& service, const EndTimes& times = {});

}  // namespace tekio::serve
