// Pairs that wait for being merged, the most frequent first; of equally frequent ones the one of the smaller ids.
// Nearly all counts are small, so each small count has a list of its own, which is put in order only when its turn
// comes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "text/pair_table.h"

namespace tekio {

/// A pair, and where it was seen. A pair may wait several times, with different places.
struct WaitingPair {
  PairKey pair;
  uint64_t begin;  ///< of its places among all places; of equal pairs the one that waits longer goes first
  uint32_t places;
  uint64_t count;  ///< of the pair when it was put here
};

class PairQueue {
 public:
  void push(const WaitingPair& waiting) {
    if (waiting.count >= kSmall) {
      large_.push_back(waiting);
      std::push_heap(large_.begin(), large_.end(), after);
      return;
    }
    std::vector<WaitingPair>& list = small_[waiting.count];
    list.push_back(waiting);
    if (waiting.count == ordered_) std::push_heap(list.begin(), list.end(), after);
    highest_ = std::max(highest_, waiting.count);
  }

  /// The first, or what was it lately: for fetching ahead. nullptr if that is not known.
  const WaitingPair* peek() const {
    if (!large_.empty()) return &large_.front();
    return ordered_ < kSmall && !small_[ordered_].empty() ? &small_[ordered_].front() : nullptr;
  }

  /// Takes the first out; nullopt if none waits.
  std::optional<WaitingPair> pop() {
    if (!large_.empty()) return pop_from(large_);
    while (highest_ > 0 && small_[highest_].empty()) --highest_;
    std::vector<WaitingPair>& list = small_[highest_];
    if (list.empty()) return std::nullopt;
    if (ordered_ != highest_) std::make_heap(list.begin(), list.end(), after);
    ordered_ = highest_;
    return pop_from(list);
  }

 private:
  static constexpr uint64_t kSmall = 4096;

  static bool after(const WaitingPair& a, const WaitingPair& b) {
    if (a.count != b.count) return a.count < b.count;
    return a.pair != b.pair ? a.pair > b.pair : a.begin > b.begin;
  }
  static WaitingPair pop_from(std::vector<WaitingPair>& heap) {
    std::pop_heap(heap.begin(), heap.end(), after);
    const WaitingPair first = heap.back();
    heap.pop_back();
    return first;
  }

  std::vector<WaitingPair> large_;                      // a heap
  std::array<std::vector<WaitingPair>, kSmall> small_;  // by count
  uint64_t highest_ = 0;                                // no small list above has anything
  uint64_t ordered_ = kSmall;                           // the list that is a heap; kSmall: none
};

}  // namespace tekio
