// Sums over rows, the same in every run: blocks add up rows of their own in float32, and their sums are added in order.
#pragma once

#include "compute/cuda/device.h"

namespace tekio::cuda {

/// sums[c] += the sum over i of partial[i * stride + c], for c < width, in the order of i.
void add_partial_sums(const Device& device, float* sums, const float* partial, int64_t parts, int64_t stride,
                      int64_t width);

}  // namespace tekio::cuda
