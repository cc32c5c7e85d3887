// numpy's default_rng(seed).permutation(n), bit for bit: PCG64 seeded through SeedSequence. The reference stack
// shuffles rows and splits data sets with it.
#pragma once

#include <cstdint>
#include <vector>

namespace tekio {

/// What shuffle(seed) and train_test_split(seed) take rows by: an order of 0..n-1, n >= 0.
std::vector<int64_t> numpy_permutation(uint64_t seed, int64_t n);

}  // namespace tekio
