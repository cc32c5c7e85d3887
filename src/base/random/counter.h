// Counter-based randomness (Philox4x32-10; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): four
// random words as a pure function of a key and a counter. No state, so any element can be drawn anywhere, in any order.
#pragma once

#include <array>
#include <cstdint>

namespace tekio {

/// Separates the uses of one seed. Each stands in its own part of the counter, so no two uses share words.
enum class RandomUse : uint32_t {
  dropout = 1,
  mask = 2,
  weights = 5,
  evaluation_mask = 6,
  benchmark = 7,
  new_rows = 8
};

struct RandomKey {
  uint32_t k0, k1;
};

/// The key of a stream: a seed and a number within it (a step, an epoch), mixed so that neighbours are unrelated.
constexpr RandomKey random_key(uint64_t seed, uint64_t number) {
  uint64_t x = seed + 0x9E3779B97F4A7C15u * (number + 1);  // splitmix64
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  x ^= x >> 31;
  return {static_cast<uint32_t>(x), static_cast<uint32_t>(x >> 32)};
}

using RandomWords = std::array<uint32_t, 4>;

constexpr RandomWords random_words(RandomKey key, RandomWords counter) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key.k0, static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key.k1, static_cast<uint32_t>(a)};
    key.k0 += 0x9E3779B9u;
    key.k1 += 0xBB67AE85u;
  }
  return counter;
}

/// A word as a number in [0, 1), 24 bits.
constexpr float to_unit_float(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

}  // namespace tekio
