// numpy's default_rng(seed), bit for bit: PCG64 seeded through SeedSequence. The reference stack shuffles rows and
// splits data sets with it. Note: permutation() rejects under a bit mask, integers() multiplies (Lemire); they share
// one 32-bit buffer.
#pragma once

#include <cstdint>
#include <vector>

namespace tekio {

class NumpyGenerator {
 public:
  explicit NumpyGenerator(uint64_t seed);

  double random();                              ///< [0, 1), 53 bits
  int64_t integers(int64_t high);               ///< [0, high), high >= 1
  std::vector<int64_t> permutation(int64_t n);  ///< of 0..n-1, n >= 0

 private:
  uint64_t next64();
  uint32_t next32();                      ///< halves of a 64-bit output, the low one first
  uint64_t masked_bounded(uint64_t max);  ///< [0, max]
  __extension__ using Uint128 = unsigned __int128;
  Uint128 state_, increment_;
  uint32_t high_half_ = 0;
  bool has_high_half_ = false;
};

/// default_rng(seed).permutation(n): what shuffle(seed) and train_test_split(seed) take rows by.
inline std::vector<int64_t> numpy_permutation(uint64_t seed, int64_t n) { return NumpyGenerator(seed).permutation(n); }

}  // namespace tekio
