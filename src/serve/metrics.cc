#include "serve/metrics.h"

#include <fmt/format.h>

namespace tekio::serve {

std::string label(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

void Metrics::answered(const std::string& route, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{route, status}];
  Latency& latency = latencies_[route];
  size_t bound = 0;
  while (bound < kBounds.size() && seconds > kBounds[bound]) ++bound;
  ++latency.counts[bound];
  latency.seconds += seconds;
  ++latency.all;
}

std::string Metrics::text() const {
  const std::lock_guard lock(mutex_);
  std::string out =
      "# HELP tekio_http_requests_total Requests that were answered.\n# TYPE tekio_http_requests_total counter\n";
  for (const auto& [key, count] : requests_)
    out += fmt::format("tekio_http_requests_total{{route=\"{}\",status=\"{}\"}} {}\n", label(key.first), key.second,
                       count);
  out +=
      "# HELP tekio_http_request_duration_seconds From a request's head to its answer's end.\n"
      "# TYPE tekio_http_request_duration_seconds histogram\n";
  for (const auto& [route, latency] : latencies_) {
    uint64_t sum = 0;
    for (size_t i = 0; i < kBounds.size(); ++i)
      out += fmt::format("tekio_http_request_duration_seconds_bucket{{route=\"{}\",le=\"{}\"}} {}\n", label(route),
                         kBounds[i], sum += latency.counts[i]);
    out += fmt::format("tekio_http_request_duration_seconds_bucket{{route=\"{}\",le=\"+Inf\"}} {}\n", label(route),
                       latency.all);
    out += fmt::format("tekio_http_request_duration_seconds_sum{{route=\"{}\"}} {}\n", label(route), latency.seconds);
    out += fmt::format("tekio_http_request_duration_seconds_count{{route=\"{}\"}} {}\n", label(route), latency.all);
  }
  return out;
}

}  // namespace tekio::serve
