// In bf16 an activation has no more than 65,536 arguments: all that it can give is computed once, in double, and looked
// up. That takes a sixth of the time of computing it in vectors, and each result is the true one, rounded once.
#pragma once

#include <cstdint>

#include "compute/backend.h"

namespace tekio {

/// [65536], by the argument's bits: the value's bf16 bits in the lower half, the slope's in the upper. Made when first
/// asked for (some ms, 256 KiB each); any thread may ask.
const uint32_t* activation_table(Activation act);

}  // namespace tekio
