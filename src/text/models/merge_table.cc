// Few symbols are looked through for the next merge; of many, a queue has it, with entries that have become wrong left
// in it until they come up.
#include "text/models/merge_table.h"

#include <algorithm>
#include <functional>

namespace tekio {
namespace {

constexpr size_t kFew = 40;
constexpr size_t kFirst = 64;

}  // namespace

MergeTable::MergeTable(std::vector<Pair> pairs) {
  slots_.resize(std::bit_ceil(std::max(kFirst, 2 * pairs.size())));
  shift_ = 64 - std::countr_zero(slots_.size());
  std::vector<bool> counts(pairs.size());
  for (size_t rank = 0; rank < pairs.size(); ++rank) {
    Slot& slot = slots_[slot_of(pairs[rank].left, pairs[rank].right)];
    if (slot.key != 0) counts[slot.rank] = false;
    slot = {key_of(pairs[rank].left, pairs[rank].right), static_cast<uint32_t>(rank), pairs[rank].merged};
    counts[rank] = true;
  }
  for (size_t rank = 0; rank < pairs.size(); ++rank)
    if (counts[rank]) pairs_.push_back(pairs[rank]);
}

void MergeTable::merge(std::vector<MergedSymbol>& symbols, Scratch& scratch) const {
  if (symbols.size() < 2) return;
  if (symbols.size() <= kFew)
    merge_few(symbols, scratch);
  else
    merge_many(symbols, scratch);
}

void MergeTable::merge_few(std::vector<MergedSymbol>& symbols, Scratch& scratch) const {
  size_t count = symbols.size();
  scratch.places.resize(count);
  Scratch::Place* const places = scratch.places.data();
  const auto look = [&](size_t i) {
    const Slot& slot = find(symbols[i].id, symbols[i + 1].id);
    places[i].rank = slot.rank;
    places[i].merged = slot.merged;
  };
  for (size_t i = 0; i + 1 < count; ++i) look(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i)
      if (places[i].rank < places[best].rank) best = i;
    if (places[best].rank == kNone) break;
    symbols[best].id = places[best].merged;
    symbols[best].length += symbols[best + 1].length;
    --count;
    for (size_t i = best + 1; i < count; ++i) {
      symbols[i] = symbols[i + 1];
      places[i] = places[i + 1];
    }
    if (best > 0) look(best - 1);
    if (best + 1 < count) look(best);
  }
  symbols.resize(count);
}

void MergeTable::merge_many(std::vector<MergedSymbol>& symbols, Scratch& scratch) const {
  std::vector<Scratch::Place>& places = scratch.places;
  std::vector<uint64_t>& queue = scratch.queue;  // rank, then place
  const auto count = static_cast<int32_t>(symbols.size());
  places.resize(symbols.size());
  queue.clear();
  const auto at = [](int32_t i) { return static_cast<size_t>(i); };
  // What stands at a place and what follows it, as of now: entries of the queue that say otherwise are wrong.
  const auto look = [&](int32_t i) {
    Scratch::Place& place = places[at(i)];
    place.rank = kNone;
    if (place.next < 0) return false;
    const Slot& slot = find(symbols[at(i)].id, symbols[at(place.next)].id);
    place.rank = slot.rank;
    place.merged = slot.merged;
    return slot.rank != kNone;
  };
  const auto entry = [&](int32_t i) { return uint64_t{places[at(i)].rank} << 32 | static_cast<uint32_t>(i); };
  for (int32_t i = 0; i < count; ++i) {
    places[at(i)].previous = i - 1;
    places[at(i)].next = i + 1 < count ? i + 1 : -1;
    if (look(i)) queue.push_back(entry(i));
  }
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  const auto push = [&](int32_t i) {
    if (!look(i)) return;
    queue.push_back(entry(i));
    std::push_heap(queue.begin(), queue.end(), std::greater<>());
  };
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    const uint64_t top = queue.back();
    queue.pop_back();
    const auto i = static_cast<int32_t>(top & UINT32_MAX);
    Scratch::Place& place = places[at(i)];
    if (place.rank != top >> 32) continue;
    const int32_t gone = place.next;
    symbols[at(i)].id = place.merged;
    symbols[at(i)].length += symbols[at(gone)].length;
    place.next = places[at(gone)].next;
    if (place.next >= 0) places[at(place.next)].previous = i;
    places[at(gone)].rank = kNone;
    if (place.previous >= 0) push(place.previous);
    push(i);
  }
  size_t kept = 0;
  for (int32_t i = 0; i >= 0; i = places[at(i)].next) symbols[kept++] = symbols[at(i)];
  symbols.resize(kept);
}

}  // namespace tekio
