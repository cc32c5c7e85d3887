// PyTorch's CPU generator, bit for bit: the Mersenne Twister and the draws that a masked language model's training
// makes from it. A seed's upper 32 bits do not count, as in torch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random/twister.h"

namespace tekio {

class TorchStream {
 public:
  explicit TorchStream(uint64_t seed) : twister_(static_cast<uint32_t>(seed)) {}

  uint32_t word() { return twister_.word(); }  ///< the next tempered 32-bit output
  uint64_t word64() {
    const uint64_t high = word();
    return high << 32 | word();
  }
  /// random_() without bounds: loaders' base seeds.
  int64_t random_int64() { return static_cast<int64_t>(word64() & 0x7FFFFFFFFFFFFFFF); }
  std::vector<int64_t> randperm(int64_t n);
  /// out[i] = 1 where F.dropout keeps element i: two words each, none where rate is 0 or 1.
  void dropout_kept(std::span<uint8_t> out, double rate);
  /// Skips what dropout over `count` elements draws where its rate is within (0, 1).
  void skip_dropout(int64_t count) { twister_.skip(2 * static_cast<uint64_t>(count)); }
  void words(std::span<uint32_t> out) { twister_.words(out); }
  void skip_words(int64_t count) { twister_.skip(static_cast<uint64_t>(count)); }

  /// For checkpoints: the generator's whole state, so that a resumed run draws the same.
  using State = Twister::State;
  const State& state() const { return twister_.state(); }
  void set_state(const State& state) { twister_.set_state(state); }

 private:
  Twister twister_;
};

}  // namespace tekio
