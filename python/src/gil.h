// Python's lock (GIL), taken and let go so that nothing breaks where Python ends meanwhile. It ends without waiting for
// daemon threads, and whichever of them asks for the lock then is ended by unwinding its stack, which no destructor
// survives, or finds no interpreter. So calls are told beforehand that Python ends, and waited for; what still comes
// for the lock after that stays where it is until the process is gone, as threads of Python 3.14 and later do.
#pragma once

#include <cxxabi.h>

#include "binding.h"

namespace tekio::python {

/// Whether Python ends, and not by this thread: what it has called is to come to an end. May be asked without the GIL.
bool is_ending();
/// Sets SystemExit, which ends a thread without a word, and throws it. With the GIL.
[[noreturn]] void throw_ending();

/// Whether threads other than the one that ends Python have come too late for its lock.
bool is_too_late();
[[noreturn]] void stay_for_ever();

/// What may take the GIL, or let go of it and take it again, as all Python code does: returns only to a Python that has
/// not ended.
template <typename Call>
auto within_python(const Call& call) {
  if (is_too_late()) stay_for_ever();
  try {
    return call();
  } catch (const abi::__forced_unwind&) {  // how Python before 3.14 ends a thread
    stay_for_ever();
  }
}

/// With the GIL as long as it lives.
class GilAcquired {
 public:
  GilAcquired() : state_(within_python([] { return PyGILState_Ensure(); })) {}
  ~GilAcquired() { PyGILState_Release(state_); }
  GilAcquired(const GilAcquired&) = delete;
  GilAcquired& operator=(const GilAcquired&) = delete;

 private:
  const PyGILState_STATE state_;
};

/// Without the GIL as long as it lives: a call that computes. Throws SystemExit where Python ends.
class GilReleased {
 public:
  GilReleased();
  ~GilReleased();
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace tekio::python
