// Activations of blocks of numbers that lie in cache, and their gradients: float32 by formulas (activation-inl.h), bf16
// by a table (activation_table.h).
#pragma once

#include "compute/backend.h"

namespace tekio {

/// A block of numbers of `type`: rows of `columns`, `stride` apart, the same in all tensors that an activation joins.
struct ActivationBlock {
  const void* before;      // the activation's argument
  void *after, *d_before;  // act(before); multiplied by act'(before); either may be null
  int64_t rows, columns, stride;
  Activation act;
  DType type;
};
/// The same where the rows of `before` and `d_before` are two halves a and b, `half` apart: after = act(a) b, whose
/// rows are `half` apart. d_before's first half has the gradient of `after`.
struct GateBlock {
  const void* before;
  void *after, *d_before;  // d_before may be null
  int64_t rows, columns, half;
  Activation act;
  DType type;
};

void activate(const ActivationBlock& block);
void gate(const GateBlock& block);

}  // namespace tekio
