// How often each pair of neighbouring tokens occurs, while a vocabulary is trained. Pairs are numbers, so that ordering
// them by left, then right id is ordering the numbers.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/large_pages.h"

namespace tekio {

/// A pair's left and right id in one number, never 0.
using PairKey = uint64_t;
inline PairKey pair_key(uint32_t left, uint32_t right) { return (uint64_t{left} + 1) << 32 | right; }
inline uint32_t left_of(PairKey pair) { return static_cast<uint32_t>(pair >> 32) - 1; }
inline uint32_t right_of(PairKey pair) { return static_cast<uint32_t>(pair); }

/// Pair to a value that begins as 0; open addressing.
class PairTable {
 public:
  explicit PairTable(size_t pairs = 0) { reserve(pairs); }

  /// Makes room for so many pairs in all: until then, references to values stay good.
  void reserve(size_t pairs) {
    if (2 * pairs > slots_.size()) rebuild(std::bit_ceil(std::max<size_t>(kFirst, 2 * pairs)));
  }
  size_t size() const { return size_; }

  /// The pair's value, made if need be: room must have been reserved.
  int64_t& operator[](PairKey pair) {
    size_t at = place_of(pair);
    while (slots_[at].pair != pair) {
      if (slots_[at].pair == 0) {
        slots_[at].pair = pair;
        ++size_;
        break;
      }
      at = (at + 1) & (slots_.size() - 1);
    }
    return slots_[at].value;
  }
  /// Lets the processor fetch what operator[] will look at.
  void prefetch(PairKey pair) const { __builtin_prefetch(&slots_[place_of(pair)]); }

 private:
  static constexpr size_t kFirst = size_t{1} << 12;
  struct Slot {
    PairKey pair = 0;  // 0: nothing here
    int64_t value = 0;
  };

  size_t place_of(PairKey pair) const { return (pair * 0x9E3779B97F4A7C15) >> shift_; }
  void rebuild(size_t slots) {
    LargeVector<Slot> before(slots);
    before.swap(slots_);
    shift_ = 64 - std::countr_zero(slots);
    for (const Slot& slot : before) {
      if (slot.pair == 0) continue;
      size_t at = place_of(slot.pair);
      while (slots_[at].pair != 0) at = (at + 1) & (slots - 1);
      slots_[at] = slot;
    }
  }

  LargeVector<Slot> slots_;  // a power of two, at most half full
  size_t size_ = 0;
  int shift_ = 0;
};

}  // namespace tekio
