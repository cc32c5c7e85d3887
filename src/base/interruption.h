// Calls that may take long and that somebody may wish to end: whoever calls says how to ask, and loops ask now and
// then. What it throws where it is asked comes out of the call, which leaves behind what it leaves after any other
// error. This is for who stands outside of the library, as the Python package does; a run and an evaluation, which
// several processes must end at one place, have should_stop in their options.
//
//   const Interruptible call([&] { if (pressed) throw Pressed(); });
//   chunk(dataset, tokenizer);
#pragma once

#include <functional>

namespace tekio {

/// While it lives, its thread's loops ask `ask`, as often as they like; an empty one: nothing is asked.
class Interruptible {
 public:
  explicit Interruptible(std::function<void()> ask);
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  friend void check_interruption();
  const std::function<void()> ask_;
  const Interruptible* const outer_;
};

/// Asks what the innermost Interruptible of this thread was given. Costs nothing to speak of where there is none.
void check_interruption();

}  // namespace tekio
