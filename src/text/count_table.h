// How often each string occurred: one open-addressing table for strings of up to 15 bytes, which lie in it themselves,
// one for longer ones. Nothing but the counts comes out of it: the order of strings means nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/large_pages.h"
#include "text/short_key.h"

namespace tekio {

/// Strings with counts as they come: the same one may come again.
class CountList {
 public:
  /// At least one byte.
  void add(std::string_view text, uint64_t count);

 private:
  friend class CountTable;
  struct Short {
    ShortKey key;
    uint64_t count;
  };
  struct Long {
    size_t begin, length;  // bytes of pool_
    uint64_t count;
  };
  std::vector<Short> short_;
  std::vector<Long> long_;
  std::string pool_;
};

class CountTable {
 public:
  CountTable();
  /// All that stands in these lists, and nothing else.
  explicit CountTable(const std::vector<const CountList*>& lists);

  /// Adds to a string's count; at least one byte.
  void add(std::string_view text, uint64_t count);
  void add(const ShortKey& key, uint64_t count) {
    size_t at = place_of(key.hash());
    while (slots_[at].key != key) {
      if (slots_[at].key.high == 0) {
        insert(at, key, count);
        return;
      }
      at = (at + 1) & mask_;
    }
    slots_[at].count += count;
  }
  /// Lets the processor fetch what add() will look at.
  void prefetch(const ShortKey& key) const { __builtin_prefetch(&slots_[place_of(key.hash())]); }

  size_t size() const { return short_size_ + long_size_; }
  /// Calls use(text, count) for every string. Views hold until the next add().
  template <typename Use>
  void for_each(Use&& use) const {
    for (const Slot& slot : slots_)
      if (slot.key.high != 0) use(slot.key.text(), slot.count);
    for (const LongSlot& slot : long_slots_)
      if (slot.length != 0) use(std::string_view(pool_).substr(slot.begin, slot.length), slot.count);
  }

  /// Which of `parts` a string belongs to; independent of its place in a table.
  static size_t part_of(std::string_view text, size_t parts);

 private:
  struct Slot {
    ShortKey key;
    uint64_t count = 0;
  };
  struct LongSlot {
    uint64_t hash = 0, count = 0;
    size_t begin = 0, length = 0;  // bytes of pool_; length 0: nothing here
  };

  explicit CountTable(size_t short_strings);
  size_t place_of(uint64_t hash) const { return hash >> shift_; }
  void insert(size_t at, const ShortKey& key, uint64_t count);
  void add_long(std::string_view text, uint64_t count);

  LargeVector<Slot> slots_;  // a power of two, at most half full
  size_t mask_ = 0;
  int shift_ = 0;
  size_t short_size_ = 0, long_size_ = 0;
  std::vector<LongSlot> long_slots_;  // likewise; made on first use
  std::string pool_;
};

}  // namespace tekio
