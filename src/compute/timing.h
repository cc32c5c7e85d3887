// Where a step's time goes: a back end that hands every verb to another and clocks it, by phase of the step. Two looks
// at the clock a verb, some hundred verbs a step: what is measured is not slowed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "compute/backend.h"

namespace tekio {

enum class Phase {
  embedding,
  products_forward,  ///< with bias and activation, which are applied to a block while it is in cache
  products_backward,
  attention_forward,
  attention_backward,
  norms,       ///< with dropout and residual, both ways
  activation,  ///< backward
  loss,        ///< softmax, cross entropy and their gradient
  optimizer,   ///< gradients' norm, AdamW, clearing gradients
  rows,        ///< gathering and scattering masked rows
  packing,     ///< weights to bf16, once an update
};
constexpr size_t kPhases = 11;
/// "products_forward".
const char* name_of(Phase phase);

/// What verbs did. FLOPs: two for each multiply-add of products and attention, backward's as the arithmetic has them,
/// not counting what is computed anew; elsewhere a nominal number for each element. Bytes: every operand once, twice
/// where it is added to. Both are what the verb must do, not what the caches make of it.
struct PhaseTime {
  double seconds = 0, flops = 0, bytes = 0;
  int64_t calls = 0;
};

class PhaseTimes {
 public:
  PhaseTime& operator[](Phase phase) { return times_[static_cast<size_t>(phase)]; }
  const PhaseTime& operator[](Phase phase) const { return times_[static_cast<size_t>(phase)]; }
  void clear() { times_ = {}; }
  /// Whether verbs are clocked. On a device each then waits for its end, so that the whole takes longer than without.
  bool on = true;
  /// Seconds of all phases.
  double seconds() const;

 private:
  std::array<PhaseTime, kPhases> times_{};
};

/// Runs `inner` and adds up its verbs in `times`, which must outlive it. Results are `inner`'s.
std::unique_ptr<Backend> make_timing_backend(std::unique_ptr<Backend> inner, PhaseTimes& times);

}  // namespace tekio
