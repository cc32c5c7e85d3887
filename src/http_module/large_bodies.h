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
  /// `most`: bytes of all; one alone may have more. `patience`: how long one may take for each `step` bytes while
  /// others need its room.
  LargeBodies(uint64_t most, uint64_t step, std::chrono::milliseconds patience)
      : most_(most), step_(step), patience_(patience) {}

  class Body;

 private:
  const uint64_t most_, step_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  uint64_t bytes_ = 0;         // that all have room for
  std::list<Body*> arriving_;  // those that are large
};

/// One of them, until it is answered.
class LargeBodies::Body {
 public:
  /// `cut`: ends its coming, from any thread.
  Body(LargeBodies& all, std::function<void()> cut) : all_(all), cut_(std::move(cut)) {}
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  /// `come` bytes of it are there, and it needs room for `bytes`: of one whose length is known, for all of it, so that
  /// who was let in is not refused at the end. Where there is no room, others that stand still give up theirs. False:
  /// this one is refused.
  bool grow(uint64_t come, uint64_t bytes);
  /// Nothing more of it comes: its room is its own. False: it was refused, or gave up its room.
  bool end();
  bool is_large() const { return is_large_; }

 private:
  using Clock = std::chrono::steady_clock;
  Body* slowest_other() const;
  void give_up();
  LargeBodies& all_;
  const std::function<void()> cut_;
  bool is_large_ = false;  // it has grown
  // Guarded by the mutex of all:
  Clock::time_point moved_{};  // when it had last gone a step on
  uint64_t come_ = 0;          // bytes that were there then
  uint64_t bytes_ = 0;         // that it has room for
  bool is_refused_ = false;
};

}  // namespace tekio::http
