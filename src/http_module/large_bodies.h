// The memory that large bodies share while they are read and answered.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <utility>

namespace tekio::http {

class LargeBodies {
 public:
  /// `most`: bytes of all; one alone may have more. `patience`: how long one may take to come while others need its
  /// room.
  LargeBodies(uint64_t most, std::chrono::milliseconds patience) : most_(most), patience_(patience) {}

  class Body;

 private:
  const uint64_t most_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  uint64_t bytes_ = 0;         // of all that have come
  std::list<Body*> arriving_;  // in the order in which they became large
};

/// One of them, until it is answered.
class LargeBodies::Body {
 public:
  /// `cut`: ends its coming, from any thread.
  Body(LargeBodies& all, std::function<void()> cut) : all_(all), cut_(std::move(cut)) {}
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  /// So much of it has come. Where there is no room, the one that has been coming for longest gives up its own, if that
  /// is another and it has had its time. False: this one is refused.
  bool grow(uint64_t bytes);
  /// Nothing more of it comes: its room is its own. False: it was refused, or gave up its room.
  bool end();
  bool is_large() const { return is_large_; }

 private:
  using Clock = std::chrono::steady_clock;
  void give_up();
  LargeBodies& all_;
  const std::function<void()> cut_;
  bool is_large_ = false;  // it has grown
  // Guarded by the mutex of all:
  Clock::time_point since_{};
  uint64_t bytes_ = 0;
  bool is_refused_ = false;
};

}  // namespace tekio::http
