// Where a thread that computes takes signals. oneDNN's products use the stack register for other ends, and the frame of
// a handler in the wrong place corrupts the heap (a signal in some thousand did): handlers must be installed with
// SA_ONSTACK, as Python's are, and the thread have a stack for them. Threads of the pool take no signals at all.
#pragma once

#include <signal.h>

#include <cstddef>
#include <vector>

namespace tekio::cli {

/// A stack for handlers of the thread that makes it, and lets go of it; without effect where that has one already.
class SignalStack {
 public:
  SignalStack();
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  stack_t before_{};
  std::vector<std::byte> bytes_;
};

}  // namespace tekio::cli
