// The handlers run on a stack of their own: oneDNN's products use the stack register for other ends, and a handler's
// frame in the wrong place corrupts the heap (a signal in some thousand did). The pool's threads take no signals at
// all. SIGXFSZ is ignored as well: a write beyond a file size limit then fails like one on a full disk, with a message.
#include "train/signals.h"

#include <atomic>

namespace tekio {
namespace {

std::atomic<int> signal_received{0};
static_assert(std::atomic<int>::is_always_lock_free);  // the only kind that a handler may touch

void remember(int number) { signal_received.store(number, std::memory_order_relaxed); }

void handle(int number, void (*handler)(int), int flags, struct sigaction& before) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, &before);
}

}  // namespace

StopSignals::StopSignals() : stack_(64 << 10) {
  signal_received.store(0, std::memory_order_relaxed);
  stack_t stack{};
  stack.ss_sp = stack_.data();
  stack.ss_size = stack_.size();
  sigaltstack(&stack, &stack_before_);
  // SA_RESETHAND: the second of a kind finds the default again. SA_RESTART: system calls under way go on.
  constexpr int kFlags = SA_ONSTACK | SA_RESTART | static_cast<int>(SA_RESETHAND);
  handle(SIGINT, remember, kFlags, interrupt_);
  handle(SIGTERM, remember, kFlags, terminate_);
  handle(SIGXFSZ, SIG_IGN, 0, file_size_);
}

StopSignals::~StopSignals() {
  sigaction(SIGINT, &interrupt_, nullptr);
  sigaction(SIGTERM, &terminate_, nullptr);
  sigaction(SIGXFSZ, &file_size_, nullptr);
  sigaltstack(&stack_before_, nullptr);
}

int StopSignals::received() { return signal_received.load(std::memory_order_relaxed); }

}  // namespace tekio
