// Ctrl-C, whatever else Python's handlers of signals raise, and the end of Python, while the library computes.
#pragma once

#include <csignal>
#include <optional>

#include "base/interruption.h"
#include "base/stopwatch.h"
#include "gil.h"

namespace tekio::python {

/// What was raised since this was made.
class Interrupts {
 public:
  Interrupts();
  /// Ctrl-C met something that may not throw: whoever looks next hears it at once. With the GIL.
  static void put_off();
  /// A wish to stop, as a signal's number; 0: none.
  int number();
  /// A callback of Python's, with the GIL: where something comes while it runs that is no error of its own (what a
  /// handler of signals raises: KeyboardInterrupt, SystemExit), it is as if it had come beside it.
  template <typename Callback>
  void hear(const Callback& callback) {
    const GilAcquired gil;
    try {
      within_python(callback);
    } catch (const nb::python_error& error) {
      if (error.matches(PyExc_Exception)) throw;
      raised_.emplace(error);
    }
  }
  /// Throws what was raised, if anything was. With the GIL.
  void rethrow() {
    if (raised_) throw nb::python_error(*raised_);
  }

 private:
  Stopwatch since_;
  bool is_deaf_ = false;
  std::optional<nb::python_error> raised_;
};

/// Without the GIL as long as it lives; what the library computes meanwhile ends soon after Ctrl-C, with what was
/// raised.
class Released {
 public:
  explicit Released(Interrupts& interrupts);

 private:
  GilReleased released_;
  Interruptible interruptible_;
};

/// The same of a whole call.
class ReleasedCall {
 private:
  Interrupts interrupts_;
  Released released_{interrupts_};
};

using WithoutGil = nb::call_guard<ReleasedCall>;

}  // namespace tekio::python
