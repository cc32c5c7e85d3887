// How long something takes.
#pragma once

#include <chrono>

namespace tekio {

/// Runs from its making, or from restart(), by a clock that nobody sets.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }
  void restart() { begun_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begun_ = Clock::now();
};

}  // namespace tekio
