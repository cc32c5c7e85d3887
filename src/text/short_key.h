// Up to 15 bytes as two numbers, so that short strings are compared and hashed without a loop: what the caches of
// regions and the tables of counts are keyed by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tekio {

/// The bytes, zeros behind them, in the last one their number.
struct ShortKey {
  static constexpr size_t kBytes = 15, kReadable = 16;
  uint64_t low = 0, high = 0;  ///< zeros: no key

  /// The key of the `length` bytes at `at`, of which kReadable can be read. `length` in [1, kBytes].
  static ShortKey of(const char* at, size_t length) {
    uint64_t low, high, low_mask, high_mask;
    std::memcpy(&low, at, 8);
    std::memcpy(&high, at + 8, 8);
    std::memcpy(&low_mask, kMask.data() + 16 - length, 8);
    std::memcpy(&high_mask, kMask.data() + 24 - length, 8);
    return {low & low_mask, (high & high_mask) | length << 56};
  }
  /// Its best bits are the upper ones.
  uint64_t hash() const { return low * 0x9E3779B97F4A7C15 ^ high * 0xC2B2AE3D27D4EB4F; }
  /// Where this key lies in memory, the first byte lowest.
  std::string_view text() const { return {reinterpret_cast<const char*>(this), high >> 56}; }
  bool operator==(const ShortKey&) const = default;

 private:
  // 16 bytes of ones, 16 of zeros: a window on it is a mask for any length.
  static constexpr std::array<uint8_t, 32> kMask = {255, 255, 255, 255, 255, 255, 255, 255,
                                                    255, 255, 255, 255, 255, 255, 255, 255};
};

}  // namespace tekio
