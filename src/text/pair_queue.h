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
    if (waiting.count >= kSmall || waiting.count == begun_) {
      std::vector<WaitingPair>& heap = waiting.count >= kSmall ? large_ : late_;
      heap.push_back(waiting);
      std::push_heap(heap.begin(), heap.end(), after);
      return;
    }
    small_[waiting.count].push_back(waiting);
    highest_ = std::max(highest_, waiting.count);
  }

  /// Takes the first out; nullopt if none waits.
  std::optional<WaitingPair> pop() {
    if (!large_.empty()) return pop_from(large_);
    if (highest_ != begun_ || (small_[begun_].empty() && late_.empty())) begin_next();
    std::vector<WaitingPair>& list = small_[begun_];
    if (!late_.empty() && (list.empty() || after(list.back(), late_.front()))) return pop_from(late_);
    if (list.empty()) return std::nullopt;
    const WaitingPair first = list.back();
    list.pop_back();
    return first;
  }

  /// What pop() will probably give after `skipped` others: for fetching ahead. nullptr where that is not known.
  const WaitingPair* peek(size_t skipped) const {
    if (!large_.empty()) return skipped == 0 ? &large_.front() : nullptr;
    if (begun_ == kSmall || skipped >= small_[begun_].size()) return nullptr;
    return &small_[begun_][small_[begun_].size() - 1 - skipped];
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
  /// Puts the highest list that has anything in order.
  void begin_next() {
    if (begun_ != kSmall) small_[begun_].insert(small_[begun_].end(), late_.begin(), late_.end());
    late_.clear();
    while (highest_ > 0 && small_[highest_].empty()) --highest_;
    begun_ = highest_;
    std::sort(small_[begun_].begin(), small_[begun_].end(), after);
  }

  std::vector<WaitingPair> large_;                      // a heap
  std::array<std::vector<WaitingPair>, kSmall> small_;  // by count
  uint64_t highest_ = 0;                                // no small list above has anything
  uint64_t begun_ = kSmall;                             // the list that is in order, the first last; kSmall: none
  std::vector<WaitingPair> late_;                       // a heap: of that count too, but put here since
};

}  // namespace tekio
