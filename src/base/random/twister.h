// The Mersenne Twister (Matsumoto and Nishimura 1998), which torch's CPU generator, numpy's old global generator and
// Python's random share. The state is kept untempered, as both libraries keep and save it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace tekio {

class Twister {
 public:
  static constexpr uint32_t kWords = 624;
  /// The whole generator: it continues from word `next`; 624 means that the words are used up.
  struct State {
    std::array<uint32_t, kWords> words;
    uint32_t next;
    bool operator==(const State&) const = default;
  };

  explicit Twister(uint32_t seed);
  /// Seeded by several words (init_by_array), at least one.
  explicit Twister(std::span<const uint32_t> key);

  /// The next tempered 32-bit output.
  uint32_t word() {
    if (state_.next == kWords) refill();
    return temper(state_.words[state_.next++]);
  }
  /// The next out.size() outputs at once.
  void words(std::span<uint32_t> out);
  void skip(uint64_t count);

  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  static uint32_t temper(uint32_t w) {
    w ^= w >> 11;
    w ^= w << 7 & 0x9D2C5680u;
    w ^= w << 15 & 0xEFC60000u;
    return w ^ w >> 18;
  }
  void refill();
  State state_;
};

}  // namespace tekio
