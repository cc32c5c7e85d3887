#include "gil.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/stopwatch.h"

namespace tekio::python {
namespace {

constexpr double kSeconds = 5;  // that calls have for coming to an end: an update finished, a checkpoint written

std::atomic<bool> ending{false}, too_late{false};
thread_local bool ends_python = false;  // whether it is this thread that does
std::atomic<int> calls{0};
thread_local int own_calls = 0;  // of this thread

bool others_compute() { return calls > own_calls; }

/// For what computes on and heeds nothing: the process ends without the destructors of what that may use.
void leave(int code, void*) {
  std::fflush(nullptr);
  ::_exit(code);
}

/// Before Python ends. With the GIL.
void end() {
  set_log_sink(nullptr);
  ends_python = true;
  ending = true;
  PyThreadState* const state = PyEval_SaveThread();
  for (const Stopwatch waited; others_compute() && waited.seconds() < kSeconds;)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  PyEval_RestoreThread(state);
  too_late = true;
  if (others_compute()) ::on_exit(leave, nullptr);
}

}  // namespace

bool is_ending() { return ending && !ends_python; }

void throw_ending() {
  PyErr_SetNone(PyExc_SystemExit);
  throw nb::python_error();
}

bool is_too_late() { return too_late && !ends_python; }

void stay_for_ever() {
  for (;;) ::pause();
}

GilReleased::GilReleased() {
  if (is_ending()) throw_ending();
  // What they compute with may be waited for by this call, and nobody would ever end.
  if (too_late && others_compute())
    fail(ErrorKind::usage, "Python ends, and other threads are still within calls of tekio: nothing more is computed");
  ++calls, ++own_calls;
  state_ = PyEval_SaveThread();
}

GilReleased::~GilReleased() {
  within_python([this] { PyEval_RestoreThread(state_); });
  --calls, --own_calls;
}

void bind_ending(nb::module_& m) {
  nb::set_leak_warnings(false);  // what a thread has that never ends, or one of a forked process's parent, is no leak
  m.def("end", &end);
  nb::module_::import_("atexit").attr("register")(m.attr("end"));
  ::pthread_atfork(nullptr, nullptr, [] { calls = own_calls; });  // a forked process has the one thread that forked
}

}  // namespace tekio::python
