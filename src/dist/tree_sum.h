// The arithmetic of sums over ranks.
#pragma once

#include <cstddef>
#include <span>

#include "compute/bf16.h"

namespace tekio {

/// out = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + …, each of `count` numbers; a part without a neighbour is
/// passed on as it is. The parts are overwritten; `out` may be one of them. Denormal numbers count as 0.
void add_in_tree(std::span<float* const> parts, size_t count, float* out);

/// To the nearest bf16 each.
void narrow(const float* from, size_t count, bf16* to);
void widen(const bf16* from, size_t count, float* to);
/// What narrow() and then widen() make of them.
void round_to_bf16(float* numbers, size_t count);

}  // namespace tekio
