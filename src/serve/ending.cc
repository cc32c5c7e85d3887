#include "serve/ending.h"

namespace tekio::serve {

bool end(Server& server, Service& service, const EndTimes& times) {
  const auto begun = std::chrono::steady_clock::now();
  service.refuse_from(begun + times.answers);
  return server.stop(begun + times.all);
}

}  // namespace tekio::serve
