// PyTorch's CPU generator, bit for bit: MT19937 and the draws that a masked language model's training makes from it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tekio {

class TorchStream {
 public:
  explicit TorchStream(uint64_t seed);

  uint32_t word();                                                ///< the next tempered 32-bit output
  uint64_t word64() { const uint64_t high = word(); return high << 32 | word(); }
  float rand_float32() { return static_cast<float>(word() & 0xFFFFFF) * 0x1p-24f; }
  double rand_float64() { return static_cast<double>(word64() & ((uint64_t{1} << 53) - 1)) * 0x1p-53; }
  int64_t random_int64() { return static_cast<int64_t>(word64() & 0x7FFFFFFFFFFFFFFF); }  ///< random_() without bounds: loaders' base seeds
  int64_t randint(int64_t high);                                  ///< [0, high)
  std::vector<int64_t> randperm(int64_t n);
  /// out[i] = 1 where F.dropout keeps element i: two words each.
  void dropout_kept(std::span<uint8_t> out, double rate);
  /// Skips what dropout over `count` elements would draw.
  void skip_dropout(int64_t count);

  /// For checkpoints: the generator's whole state, so that a resumed run draws the same.
  struct State { std::array<uint32_t, 624> words; uint32_t next; };
  State state() const;
  void set_state(const State& state);

 private:
  void refill();
  std::array<uint32_t, 624> words_{};
  uint32_t next_ = 624;
};

}  // namespace tekio
