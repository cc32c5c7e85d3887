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
    uint8_t length : 4, count : 3;  // length 0: nothing here
    uint8_t used : 1;               // asked for since it was last spared
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

  /// Without a branch between the two entries: which of them answers cannot be predicted, and a wrong guess would wait
  /// for memory.
  const Entry* find(const Key& key) {
    Set& set = sets_[number(key)];
    const auto differs = [&](const Entry& entry) {
      return (entry.low ^ key.low) | (entry.high ^ key.high) | static_cast<uint64_t>(entry.length ^ key.length);
    };
    const uint64_t first = differs(set[0]), second = differs(set[1]);
    Entry* const entry = &set[0] + (first != 0);
    if ((first != 0) & (second != 0)) return nullptr;
    entry->used = 1;
    return entry;
  }

  /// Takes the place of an entry that nobody asked for since the last insert() into its set, if there is one.
  void insert(const Key& key, const std::vector<int32_t>& ids, const std::vector<uint8_t>& starts) {
    Set& set = sets_[number(key)];
    Entry& entry = set[0].used ? set[1] : set[0];
    set[0].used = set[1].used = 0;
    entry = {key.low, key.high, {}, {}, key.length, static_cast<uint8_t>(ids.size()), 0};
    for (size_t i = 0; i < ids.size(); ++i) {
      entry.ids[i] = ids[i];
      entry.starts[i] = starts[i];
    }
  }

 private:
  static constexpr int kBits = 16;
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
