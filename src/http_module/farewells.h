// Connections whose last answer was sent while their clients still send: closed with bytes unread, a socket resets the
// connection, and the answer may be lost with it. So they are read for a little while.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace tekio::http {

class Farewells {
 public:
  /// At most so many at a time; then the first of them is closed for a further one.
  explicit Farewells(size_t most) : most_(most) {}
  ~Farewells();
  Farewells(const Farewells&) = delete;
  Farewells& operator=(const Farewells&) = delete;

  /// From any thread. Nothing further is written to the socket.
  void add(int socket);
  bool is_empty() const;
  /// Reads what has come, and closes those whose clients are done or whose time is over.
  void go_on();

 private:
  using Clock = std::chrono::steady_clock;
  struct Leaving {
    int socket;
    Clock::time_point until;
    uint64_t bytes;  // that are still read
  };
  static bool is_done(Leaving& leaving, Clock::time_point now);
  const size_t most_;
  mutable std::mutex mutex_;
  std::deque<Leaving> all_;
};

}  // namespace tekio::http
