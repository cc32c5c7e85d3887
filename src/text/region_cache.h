// What TextEncoder remembers: the tokens of regions that it has seen. Both caches forget by themselves and never grow
// beyond a few megabytes; what they answer is exact, since whole keys are compared.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tekio {

/// Regions of up to 15 bytes with up to 3 tokens: nearly all of running text. Two entries a line of memory.
class ShortRegionCache {
 public:
  static constexpr size_t kTokens = 3;
  struct Key {
    uint64_t low, high;  // the bytes, zeros behind them
    uint8_t length;      // tells trailing NULs from no byte
  };
  struct Entry {
    uint64_t low, high;
    int32_t ids[kTokens];
    uint8_t starts[kTokens];
    uint8_t length : 4, count : 4;  // length 0: nothing here
  };

  ShortRegionCache() : sets_(kSets) {}

  /// The key of the `length` bytes at `at`, of which 16 can be read. `length` in [1, 15].
  static Key key(const char* at, size_t length) {
    Key key{0, 0, static_cast<uint8_t>(length)};
    uint64_t low_mask, high_mask;
    std::memcpy(&key.low, at, 8);
    std::memcpy(&key.high, at + 8, 8);
    std::memcpy(&low_mask, kMask.data() + 16 - length, 8);
    std::memcpy(&high_mask, kMask.data() + 24 - length, 8);
    key.low &= low_mask;
    key.high &= high_mask;
    return key;
  }

  const Entry* find(const Key& key) const {
    const Set& set = sets_[number(key)];
    for (const Entry& entry : set)
      if (entry.low == key.low && entry.high == key.high && entry.length == key.length) return &entry;
    return nullptr;
  }

  /// Takes the place of the older entry of its set.
  void insert(const Key& key, const std::vector<int32_t>& ids, const std::vector<uint8_t>& starts) {
    Set& set = sets_[number(key)];
    set[1] = set[0];
    set[0] = {key.low, key.high, {}, {}, key.length, static_cast<uint8_t>(ids.size())};
    for (size_t i = 0; i < ids.size(); ++i) {
      set[0].ids[i] = ids[i];
      set[0].starts[i] = starts[i];
    }
  }

 private:
  static constexpr int kBits = 15;
  static constexpr size_t kSets = size_t{1} << kBits;
  struct alignas(64) Set : std::array<Entry, 2> {};
  static_assert(sizeof(Set) == 64);

  static size_t number(const Key& key) {
    return (key.low * 0x9E3779B97F4A7C15 ^ key.high * 0xC2B2AE3D27D4EB4F) >> (64 - kBits);
  }

  // 16 bytes of ones, 16 of zeros: a window on it is a mask for any length.
  static constexpr std::array<uint8_t, 32> kMask = {255, 255, 255, 255, 255, 255, 255, 255,
                                                    255, 255, 255, 255, 255, 255, 255, 255};
  std::vector<Set> sets_;
};

/// Longer regions: one place a region; all is forgotten when the bytes run out.
class LongRegionCache {
 public:
  struct Tokens {
    bool found;
    std::span<const int32_t> ids;
    std::span<const uint8_t> starts;
  };

  /// Valid until the next insert().
  Tokens find(std::string_view region) const;
  void insert(std::string_view region, const std::vector<int32_t>& ids, const std::vector<uint8_t>& starts);

 private:
  static constexpr size_t kPlaces = size_t{1} << 14, kByteLimit = size_t{1} << 20, kRegionLimit = 256;
  struct Place {
    uint64_t hash = 0;
    uint32_t key = 0, tokens = 0;              // where they begin
    uint32_t key_length = 0, token_count = 0;  // key_length 0: nothing here
  };
  std::vector<Place> places_;  // made on first use
  std::string keys_;
  std::vector<int32_t> ids_;
  std::vector<uint8_t> starts_;
};

}  // namespace tekio
