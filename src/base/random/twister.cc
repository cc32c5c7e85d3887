// The two loops of refill() read words that lie 397 ahead or 227 behind: farther than a vector is wide, so compilers
// vectorise them. A training step on the reference's stream takes more than 100 million words, most of them only
// skipped.
#include "base/random/twister.h"

#include <algorithm>

namespace tekio {
namespace {

constexpr size_t kMiddle = 397;

inline uint32_t twist(uint32_t w, uint32_t following) {
  const uint32_t joined = (w & 0x80000000u) | (following & 0x7FFFFFFFu);
  return joined >> 1 ^ ((0u - (following & 1u)) & 0x9908B0DFu);
}

}  // namespace

Twister::Twister(uint32_t seed) {
  state_.words[0] = seed;
  for (uint32_t i = 1; i < kWords; ++i)
    state_.words[i] = 1812433253u * (state_.words[i - 1] ^ state_.words[i - 1] >> 30) + i;
  state_.next = kWords;
}

Twister::Twister(std::span<const uint32_t> key) : Twister(19650218u) {
  auto& w = state_.words;
  const auto mixed = [&](uint32_t i, uint32_t factor) { return w[i] ^ (w[i - 1] ^ w[i - 1] >> 30) * factor; };
  uint32_t i = 1;
  const auto next = [&] {
    if (++i < kWords) return;
    w[0] = w[kWords - 1];
    i = 1;
  };
  size_t j = 0;
  for (size_t left = std::max<size_t>(kWords, key.size()); left > 0; --left) {
    w[i] = mixed(i, 1664525u) + key[j] + static_cast<uint32_t>(j);
    next();
    j = (j + 1) % key.size();
  }
  for (uint32_t left = kWords - 1; left > 0; --left) {
    w[i] = mixed(i, 1566083941u) - i;
    next();
  }
  w[0] = 0x80000000u;
}

void Twister::refill() {
  uint32_t* const w = state_.words.data();
  for (size_t i = 0; i < kWords - kMiddle; ++i) w[i] = w[i + kMiddle] ^ twist(w[i], w[i + 1]);
  for (size_t i = kWords - kMiddle; i < kWords - 1; ++i) w[i] = w[i + kMiddle - kWords] ^ twist(w[i], w[i + 1]);
  w[kWords - 1] = w[kMiddle - 1] ^ twist(w[kWords - 1], w[0]);
  state_.next = 0;
}

void Twister::words(std::span<uint32_t> out) {
  while (!out.empty()) {
    if (state_.next == kWords) refill();
    const size_t count = std::min<size_t>(out.size(), kWords - state_.next);
    const uint32_t* from = state_.words.data() + state_.next;
    for (size_t i = 0; i < count; ++i) out[i] = temper(from[i]);
    state_.next += static_cast<uint32_t>(count);
    out = out.subspan(count);
  }
}

void Twister::skip(uint64_t count) {
  for (; count > kWords - state_.next; refill()) count -= kWords - state_.next;
  state_.next += static_cast<uint32_t>(count);
}

}  // namespace tekio
