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

#include "text/short_key.h"

namespace tekio {

/// Regions of up to 15 bytes with up to 4 tokens: nearly all of running text. Two entries a line of memory.
class ShortRegionCache {
 public:
  static constexpr size_t kBytes = ShortKey::kBytes, kTokens = 4;
  struct Key : ShortKey {
    size_t set;  // where it is kept
  };
  class Entry {
   public:
    /// Writes kTokens ids and word starts, of which the first count() are the region's.
    void copy_to(int32_t* ids, uint8_t* starts) const {
      for (size_t i = 0; i < kTokens; ++i) {
        uint32_t id;
        std::memcpy(&id, ids_ + kIdBytes * i, sizeof id);
        ids[i] = static_cast<int32_t>(id & 0xFFFFFF);
      }
      const uint32_t spread = starts_ * 0x00204081u & 0x01010101u;  // bit i to byte i
      std::memcpy(starts, &spread, kTokens);
    }
    size_t count() const { return count_; }

   private:
    friend class ShortRegionCache;
    static constexpr size_t kIdBytes = 3;
    uint64_t low_, high_;  // zeros: nothing here
    uint8_t ids_[kIdBytes * kTokens];
    uint8_t starts_;  // a bit a token
    uint8_t count_;
    bool used_;  // asked for since it was last spared
  };

  ShortRegionCache() : sets_(kSets) {}

  /// Makes the key of the `length` bytes at `at`, of which 16 can be read, and lets the processor fetch what find()
  /// will look at. `length` in [1, kBytes].
  void make_key(const char* at, size_t length, Key& key) const {
    static_cast<ShortKey&>(key) = ShortKey::of(at, length);
    key.set = key.hash() >> (64 - kSetBits);
    __builtin_prefetch(&sets_[key.set]);
  }

  /// Without a branch between the two entries: which of them answers cannot be predicted.
  const Entry* find(const Key& key) {
    Set& set = sets_[key.set];
    const auto differs = [&](const Entry& entry) -> uint64_t {
      const uint64_t bits = (entry.low_ ^ key.low) | (entry.high_ ^ key.high);
      return (bits | (0 - bits)) >> 63;
    };
    const uint64_t first = differs(set[0]), second = differs(set[1]);
    if ((first & second) != 0) [[unlikely]]
      return nullptr;
    Entry* const entry = &set[0] + first;
    entry->used_ = true;
    return entry;
  }

  /// Takes the place of an entry that nobody asked for since the last insert() into its set, if there is one. At most
  /// kTokens ids, below Vocabulary::kIdLimit.
  void insert(const Key& key, const std::vector<int32_t>& ids, const std::vector<uint8_t>& starts) {
    Set& set = sets_[key.set];
    Entry& entry = set[0].used_ ? set[1] : set[0];
    set[0].used_ = set[1].used_ = false;
    entry.low_ = key.low;
    entry.high_ = key.high;
    entry.starts_ = 0;
    entry.count_ = static_cast<uint8_t>(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      std::memcpy(entry.ids_ + Entry::kIdBytes * i, &ids[i], Entry::kIdBytes);
      entry.starts_ = static_cast<uint8_t>(entry.starts_ | starts[i] << i);
    }
  }

 private:
  static constexpr int kSetBits = 16;
  static constexpr size_t kSets = size_t{1} << kSetBits;
  struct alignas(64) Set : std::array<Entry, 2> {};
  static_assert(sizeof(Set) == 64);
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
