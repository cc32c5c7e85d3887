// SeedSequence and PCG64 (XSL-RR output). References: M. O'Neill, "PCG: a family of simple fast space-efficient
// statistically good algorithms" (2014) and her seed_seq_fe for the seeding; which bits numpy takes of them was
// measured against numpy itself.
#include "base/random/numpy_permutation.h"

#include <array>
#include <bit>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace tekio {
namespace {

__extension__ using Uint128 = unsigned __int128;
constexpr Uint128 kMultiplier = Uint128{2549297995355413924u} << 64 | 4865540595714422341u;

// A pool of four words into which the seed's words are hashed, and from which any number of seeding words is drawn.
class SeedSequence {
 public:
  explicit SeedSequence(uint64_t entropy) {
    const std::array<uint32_t, 4> words{static_cast<uint32_t>(entropy), static_cast<uint32_t>(entropy >> 32), 0, 0};
    for (size_t i = 0; i < 4; ++i) pool_[i] = hash(words[i]);
    for (size_t from = 0; from < 4; ++from)
      for (size_t to = 0; to < 4; ++to)
        if (from != to) pool_[to] = mix(pool_[to], hash(pool_[from]));
  }

  std::array<uint64_t, 4> words64() const {
    std::array<uint64_t, 4> out{};
    uint32_t running = 0x8b51f9dd;
    for (size_t i = 0; i < 8; ++i) {
      uint32_t value = pool_[i % 4] ^ running;
      running *= 0x58f38ded;
      value *= running;
      value ^= value >> 16;
      out[i / 2] |= uint64_t{value} << (32 * (i % 2));
    }
    return out;
  }

 private:
  uint32_t hash(uint32_t value) {
    value ^= running_;
    running_ *= 0x931e8875;
    value *= running_;
    return value ^ value >> 16;
  }
  static uint32_t mix(uint32_t x, uint32_t y) {
    const uint32_t mixed = 0xca01f9dd * x - 0x4973f715 * y;
    return mixed ^ mixed >> 16;
  }

  std::array<uint32_t, 4> pool_{};
  uint32_t running_ = 0x43b0d7e5;
};

class Pcg64 {
 public:
  explicit Pcg64(uint64_t seed) {
    const auto words = SeedSequence(seed).words64();
    increment_ = (Uint128{words[2]} << 64 | words[3]) << 1 | 1;
    state_ = increment_;  // one step from 0
    state_ += Uint128{words[0]} << 64 | words[1];
    state_ = state_ * kMultiplier + increment_;
  }

  /// [0, max]: drawn under a bit mask until it fits.
  uint64_t up_to(uint64_t max) {
    if (max == 0) return 0;
    const uint64_t mask = ~uint64_t{0} >> std::countl_zero(max);
    uint64_t value;
    do value = (max <= 0xFFFFFFFF ? next32() : next64()) & mask;
    while (value > max);
    return value;
  }

 private:
  uint64_t next64() {
    state_ = state_ * kMultiplier + increment_;
    return std::rotr(static_cast<uint64_t>(state_ >> 64) ^ static_cast<uint64_t>(state_),
                     static_cast<int>(state_ >> 122));
  }

  /// Halves of a 64-bit output, the low one first.
  uint32_t next32() {
    if (std::exchange(has_high_half_, !has_high_half_)) return high_half_;
    const uint64_t both = next64();
    high_half_ = static_cast<uint32_t>(both >> 32);
    return static_cast<uint32_t>(both);
  }

  Uint128 state_, increment_;
  uint32_t high_half_ = 0;
  bool has_high_half_ = false;
};

}  // namespace

std::vector<int64_t> numpy_permutation(uint64_t seed, int64_t n) {
  TEKIO_CHECK(n >= 0, "a permutation of {}", n);
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  Pcg64 generator(seed);
  for (size_t i = order.size(); i-- > 1;) std::swap(order[i], order[generator.up_to(i)]);
  return order;
}

}  // namespace tekio
