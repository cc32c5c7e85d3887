// Python's random module (random.seed, random.shuffle), bit for bit: transformers 4 shuffled words by it before it
// chose some.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/random/twister.h"

namespace tekio {

class PythonRandom {
 public:
  /// random.seed(seed).
  explicit PythonRandom(uint64_t seed);

  uint32_t word() { return twister_.word(); }  ///< random.getrandbits(32)
  /// A number in [0, end), 1 <= end < 2^32: the generator's highest bits, drawn anew until they are below.
  uint32_t below(uint32_t end) {
    const int bits = std::bit_width(end);
    for (;;)
      if (const uint32_t drawn = word() >> (32 - bits); drawn < end) return drawn;
  }
  /// random.shuffle(values).
  template <typename T>
  void shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i-- > 1;) std::swap(values[i], values[below(static_cast<uint32_t>(i) + 1)]);
  }

  using State = Twister::State;
  const State& state() const { return twister_.state(); }
  void set_state(const State& state) { twister_.set_state(state); }

 private:
  Twister twister_;
};

}  // namespace tekio
