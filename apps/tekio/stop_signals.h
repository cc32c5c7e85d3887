// SIGINT, SIGTERM and SIGHUP while a run is under way: noted, answered at once on stderr, and not obeyed at once, so
// that the update under way is finished and a checkpoint saved. A second SIGINT or SIGTERM ends the program as it would
// without us; a second SIGHUP changes nothing, since a closing terminal sends more than one. SIGHUP that was ignored
// before (nohup) stays ignored.
#pragma once

#include <tekio/adapt.h>
#include <csignal>
#include <cstdint>

#include "signal_stack.h"

namespace tekio::cli {

/// Takes the signals over while it lives, and gives them back. One at a time in a process; to be made on the thread
/// that computes.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Has `options` heed them, and tell what the run does, so that a signal's answer says what it will lead to.
  static void stop(TrainingOptions& options);
  /// The signal that came first, 0 if none.
  static int received();

 private:
  struct sigaction interrupt_ {
  }, terminate_{}, hang_up_{};
  SignalStack stack_;  // on the thread that computes
};

}  // namespace tekio::cli
