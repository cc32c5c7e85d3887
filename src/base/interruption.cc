#include "base/interruption.h"

#include <utility>

namespace tekio {
namespace {

thread_local const Interruptible* innermost = nullptr;

}  // namespace

Interruptible::Interruptible(std::function<void()> ask) : ask_(std::move(ask)), outer_(innermost) { innermost = this; }

Interruptible::~Interruptible() { innermost = outer_; }

void check_interruption() {
  if (innermost != nullptr && innermost->ask_) innermost->ask_();
}

}  // namespace tekio
