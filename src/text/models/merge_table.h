// The merges of byte-pair encoding: which two tokens become which one, and which merge comes first.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tekio {

/// A token of a split while its symbols are merged.
struct MergedSymbol {
  int32_t id;
  uint32_t length;  ///< of the text that it stands for, in whatever unit the caller counts
};

class MergeTable {
 public:
  struct Pair {
    int32_t left, right, merged;
  };
  struct Scratch {
    struct Place {
      uint32_t rank;
      int32_t merged;
      int32_t previous, next;  // -1: none
    };
    std::vector<Place> places;
    std::vector<uint64_t> queue;
  };

  /// `pairs` by rank; of a pair that stands there twice, the last counts.
  explicit MergeTable(std::vector<Pair> pairs = {});

  /// Merges neighbours until no pair of them is in the table: always that of the lowest rank, the leftmost of several.
  void merge(std::vector<MergedSymbol>& symbols, Scratch& scratch) const;

  /// By rank, each once.
  const std::vector<Pair>& pairs() const { return pairs_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Slot {
    uint64_t key = 0;  // 0: nothing here
    uint32_t rank = kNone;
    int32_t merged = -1;
  };

  static uint64_t key_of(int32_t left, int32_t right) {
    return (static_cast<uint64_t>(static_cast<uint32_t>(left)) + 1) << 32 | static_cast<uint32_t>(right);
  }
  size_t place_of(uint64_t key) const { return (key * 0x9E3779B97F4A7C15) >> shift_; }
  /// Where a pair is, or would be.
  size_t slot_of(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    size_t at = place_of(key);
    while (slots_[at].key != key && slots_[at].key != 0) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  const Slot& find(int32_t left, int32_t right) const { return slots_[slot_of(left, right)]; }
  void merge_few(std::vector<MergedSymbol>& symbols, Scratch& scratch) const;
  void merge_many(std::vector<MergedSymbol>& symbols, Scratch& scratch) const;

  std::vector<Pair> pairs_;
  std::vector<Slot> slots_;  // a power of two, at most half full
  int shift_ = 0;
};

}  // namespace tekio
