// SIGINT and SIGTERM, while a run is under way: noted, not obeyed at once, so that the update under way is finished and
// a checkpoint saved. A second signal of the same kind ends the program as it would without us.
#pragma once

#include <csignal>
#include <vector>

namespace tekio {

/// Takes the signals over while it lives, and gives them back. One at a time in a process; to be made on the thread
/// that computes.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that came, 0 if none.
  static int received();

 private:
  struct sigaction interrupt_ {
  }, terminate_{}, file_size_{};
  std::vector<char> stack_;
  stack_t stack_before_{};
};

}  // namespace tekio
