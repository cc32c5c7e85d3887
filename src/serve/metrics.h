// What the server counts, as Prometheus reads it (text format 0.0.4).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace tekio::serve {

class Metrics {
 public:
  /// A request was answered. `route`: one of the server's own, never a client's text.
  void answered(const std::string& route, int status, double seconds);
  /// Without what others count (queues, passes).
  std::string text() const;

 private:
  static constexpr std::array<double, 10> kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5};
  struct Latency {
    std::array<uint64_t, kBounds.size() + 1> counts{};
    double seconds = 0;
    uint64_t all = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, uint64_t> requests_;
  std::map<std::string, Latency> latencies_;
};

/// A label's value between quotes: backslashes, quotes and line ends escaped.
std::string label(const std::string& value);

}  // namespace tekio::serve
