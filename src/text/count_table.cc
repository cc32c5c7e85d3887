#include "text/count_table.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <numeric>

namespace tekio {
namespace {

constexpr size_t kFirstSlots = size_t{1} << 12;  // of long strings
constexpr size_t kExpected = size_t{1} << 14;    // short strings, where nothing is known
constexpr size_t kStringsAhead = 16;             // slots are fetched so many strings before their turn

uint64_t long_hash(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

ShortKey short_key(std::string_view text) {
  char readable[ShortKey::kReadable] = {};
  text.copy(readable, text.size());
  return ShortKey::of(readable, text.size());
}

}  // namespace

void CountList::add(std::string_view text, uint64_t count) {
  if (text.size() <= ShortKey::kBytes) {
    short_.push_back({short_key(text), count});
    return;
  }
  long_.push_back({pool_.size(), text.size(), count});
  pool_.append(text);
}

CountTable::CountTable() : CountTable(kExpected) {}

CountTable::CountTable(size_t short_strings)
    : slots_(2 * std::bit_ceil(std::max<size_t>(short_strings, 2))),
      mask_(slots_.size() - 1),
      shift_(64 - std::countr_zero(slots_.size())) {}

CountTable::CountTable(const std::vector<const CountList*>& lists)
    : CountTable(std::accumulate(lists.begin(), lists.end(), size_t{0},
                                 [](size_t sum, const CountList* list) { return sum + list->short_.size(); })) {
  for (const CountList* list : lists) {
    const auto& all = list->short_;
    for (size_t i = 0; i < all.size(); ++i) {
      if (i + kStringsAhead < all.size()) prefetch(all[i + kStringsAhead].key);
      add(all[i].key, all[i].count);
    }
    for (const CountList::Long& one : list->long_)
      add_long(std::string_view(list->pool_).substr(one.begin, one.length), one.count);
  }
}

void CountTable::add(std::string_view text, uint64_t count) {
  if (text.size() <= ShortKey::kBytes)
    add(short_key(text), count);
  else
    add_long(text, count);
}

void CountTable::insert(size_t at, const ShortKey& key, uint64_t count) {
  slots_[at] = {key, count};
  if (2 * ++short_size_ <= slots_.size()) return;
  LargeVector<Slot> before(2 * slots_.size());
  before.swap(slots_);
  mask_ = slots_.size() - 1;
  --shift_;
  for (const Slot& slot : before) {
    if (slot.key.high == 0) continue;
    size_t place = place_of(slot.key.hash());
    while (slots_[place].key.high != 0) place = (place + 1) & mask_;
    slots_[place] = slot;
  }
}

void CountTable::add_long(std::string_view text, uint64_t count) {
  if (2 * (long_size_ + 1) > long_slots_.size()) {
    std::vector<LongSlot> before(std::max(kFirstSlots, 2 * long_slots_.size()));
    before.swap(long_slots_);
    for (const LongSlot& slot : before) {
      if (slot.length == 0) continue;
      size_t place = slot.hash & (long_slots_.size() - 1);
      while (long_slots_[place].length != 0) place = (place + 1) & (long_slots_.size() - 1);
      long_slots_[place] = slot;
    }
  }
  const uint64_t hash = long_hash(text);
  size_t at = hash & (long_slots_.size() - 1);
  for (; long_slots_[at].length != 0; at = (at + 1) & (long_slots_.size() - 1)) {
    LongSlot& slot = long_slots_[at];
    if (slot.hash != hash || std::string_view(pool_).substr(slot.begin, slot.length) != text) continue;
    slot.count += count;
    return;
  }
  long_slots_[at] = {hash, count, pool_.size(), text.size()};
  pool_.append(text);
  ++long_size_;
}

size_t CountTable::part_of(std::string_view text, size_t parts) {
  // Bits that neither table takes places from: the middle ones of a short key's hash, the upper ones of the other.
  const uint64_t bits = text.size() <= ShortKey::kBytes ? short_key(text).hash() >> 8 : long_hash(text) >> 32;
  return ((bits & 0xFFFFFFFF) * parts) >> 32;
}

}  // namespace tekio
