// Sums over rows, the same in every run: blocks add up rows of their own in float32, and their sums are added in order.
#pragma once

#include "compute/cuda/device.h"

namespace tekio::cuda {

/// Into how many parts rows are cut at most. The same on every GPU, and so the sums' bits.
constexpr int kMostParts = 384;

/// sums[c] += the sum over i of partial[i][c], in an order that does not change, for c < width; and, where `more` is
/// there, more[c] += that of partial[i][width + c]. partial is [parts][width], or [parts][2 width].
void add_partial_sums(Device& device, float* sums, float* more, const float* partial, int64_t parts, int64_t width);

}  // namespace tekio::cuda
