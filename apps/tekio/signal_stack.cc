#include "signal_stack.h"

namespace tekio::cli {

SignalStack::SignalStack() {
  if (sigaltstack(nullptr, &before_) != 0 || (before_.ss_flags & SS_DISABLE) == 0) return;
  bytes_.resize(size_t{64} << 10);
  stack_t stack{};
  stack.ss_sp = bytes_.data();
  stack.ss_size = bytes_.size();
  sigaltstack(&stack, nullptr);
}

SignalStack::~SignalStack() {
  stack_t now{};
  if (!bytes_.empty() && sigaltstack(nullptr, &now) == 0 && now.ss_sp == bytes_.data()) sigaltstack(&before_, nullptr);
}

}  // namespace tekio::cli
