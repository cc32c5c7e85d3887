#include "interrupts.h"

#include <atomic>

#include "signal_stack.h"

namespace tekio::python {
namespace {

constexpr double kSeconds = 0.05;  // between two looks: each takes the GIL
std::atomic<bool> is_put_off{false};

// Of the module threading, held for good: when Python ends nothing can be imported any more.
PyObject *current_thread = nullptr, *main_thread = nullptr;

/// Python hears signals on its main thread alone. With the GIL.
bool is_main_thread() {
  try {
    return nb::handle(current_thread)().is(nb::handle(main_thread)());
  } catch (const nb::python_error&) {  // threading's own names go, too; it costs no more than to listen in vain
    return true;
  }
}

}  // namespace

void bind_interrupts(nb::module_&) {
  const nb::module_ threading = nb::module_::import_("threading");
  current_thread = nb::object(threading.attr("current_thread")).release().ptr();
  main_thread = nb::object(threading.attr("main_thread")).release().ptr();
}

Interrupts::Interrupts() { static thread_local const cli::SignalStack stack; }

void Interrupts::put_off() {
  PyErr_SetInterrupt();
  is_put_off = true;
}

int Interrupts::number() {
  if (raised_) return SIGINT;
  if (is_ending()) {
    const GilAcquired gil;
    try {
      throw_ending();
    } catch (const nb::python_error& error) {
      raised_.emplace(error);
    }
    return SIGTERM;
  }
  if (is_deaf_ || (since_.seconds() < kSeconds && !is_put_off)) return 0;
  const GilAcquired gil;
  since_.restart();
  is_put_off = false;
  if (PyErr_CheckSignals() != 0) {
    raised_.emplace();
    return SIGINT;
  }
  is_deaf_ = !is_main_thread();
  return 0;
}

Released::Released(Interrupts& interrupts)
    : interruptible_([&interrupts] {
        if (interrupts.number() == 0) return;
        const GilAcquired gil;
        interrupts.rethrow();
      }) {}

}  // namespace tekio::python
