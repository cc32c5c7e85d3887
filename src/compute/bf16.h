// bfloat16: the upper half of a float32, eight bits of precision. Held as bits; arithmetic is done in float32.
#pragma once

#include <bit>
#include <cstdint>

namespace tekio {

struct bf16 {
  uint16_t bits = 0;

  constexpr bf16() = default;
  /// Rounded to nearest, ties to even; NaN stays NaN.
  constexpr explicit bf16(float value) {
    const auto word = std::bit_cast<uint32_t>(value);
    if ((word & 0x7FFFFFFF) > 0x7F800000)
      bits = static_cast<uint16_t>(word >> 16 | 0x40);
    else
      bits = static_cast<uint16_t>((word + 0x7FFF + (word >> 16 & 1)) >> 16);
  }
  constexpr operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }  // NOLINT: exact
};
static_assert(sizeof(bf16) == 2);

}  // namespace tekio
