// What training costs in arithmetic.
#pragma once

#include "model/config.h"

namespace tekio {

/// Floating point operations that training on one chunk needs (forward and backward), two for each multiply-add; an
/// evaluation's are a third. What no loss depends on is not counted: the head, and the last layer but for its keys and
/// values, are for masked tokens only.
double flops_per_chunk(const ModelConfig& config, int64_t chunk_size, double masked_share);

}  // namespace tekio
