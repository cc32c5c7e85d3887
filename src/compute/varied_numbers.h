// Numbers to time products with.
#pragma once

#include <cstdint>

namespace tekio {

/// Reproducible numbers in (-1, 1) whose bits change as those of real ones do. Products of equal numbers can be faster
/// than any model's: two cores with AMX took tiles of zeros from the second cache at 4,800 GFLOP/s, of these at 3,840.
/// A generator of its own (Knuth's MMIX) and not a stream of base/random, whose draws are promised to runs and cost
/// more than a small product: nothing depends on these but the clock.
class VariedNumbers {
 public:
  float draw() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<int32_t>(state_ >> 32)) * 0x1p-31f;
  }

 private:
  uint64_t state_ = 1;
};

}  // namespace tekio
