// Linear probing in a table that is at most half full.
#include "text/vocabulary.h"

#include <bit>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace tekio {

void Vocabulary::reserve(size_t tokens, size_t bytes) {
  pool_.reserve(bytes);
  by_id_.reserve(tokens);
  rebuild(std::bit_ceil(std::max<size_t>(64, 2 * tokens)));
}

void Vocabulary::rebuild(size_t slots) {
  if (slots <= slots_.size()) return;
  const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(slots));
  filter_.assign(slots / 8, 0);
  filter_mask_ = filter_.size() - 1;
  for (Slot slot : before)
    if (slot.id != kNone) insert(hash(kHashStart, *token(slot.id)), slot);
}

void Vocabulary::insert(uint64_t hash, const Slot& slot) {
  size_t at = place_of(hash);
  while (slots_[at].id != kNone) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = slot;
  filter_[hash >> 6 & filter_mask_] |= uint64_t{1} << (hash & 63);
}

bool Vocabulary::add(uint64_t hash, std::string_view token, int32_t id) {
  if (2 * (size_ + 1) > slots_.size()) rebuild(std::max<size_t>(64, 2 * slots_.size()));
  Slot slot = slot_for(token);
  if (look_up(hash, slot, token) != kNone || this->token(id)) return false;
  set_token(token, id);
  slot.id = id;
  insert(hash, slot);
  return true;
}

void Vocabulary::check_bytes(uint64_t bytes) {
  if (bytes > UINT32_MAX)
    fail(ErrorKind::input,
         "the vocabulary's tokens have {} bytes in all; at most {} can be held: leave very long words out",
         with_commas(static_cast<int64_t>(bytes)), with_commas(UINT32_MAX));
}

void Vocabulary::add_twin(std::string_view token, int32_t id) { set_token(token, id); }

void Vocabulary::set_token(std::string_view token, int32_t id) {
  const auto number = static_cast<size_t>(id);
  if (number >= by_id_.size()) by_id_.resize(number + 1);
  check_bytes(pool_.size() + token.size());
  by_id_[number] = {static_cast<uint32_t>(pool_.size()), static_cast<uint32_t>(token.size())};
  pool_.append(token);
  longest_ = std::max(longest_, token.size());
  ++size_;
}

int32_t Vocabulary::find(std::string_view token) const {
  const uint64_t h = hash(kHashStart, token);
  return may_have(h) ? look_up(h, slot_for(token), token) : kNone;
}

int32_t Vocabulary::look_up(uint64_t hash, const Slot& wanted, std::string_view token) const {
  for (size_t place = place_of(hash);; place = (place + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[place];
    if (slot.id == kNone) return kNone;
    if (slot.low != wanted.low || slot.high != wanted.high) continue;
    if (token.size() <= kInline || this->token(slot.id) == token) return slot.id;
  }
}

std::optional<std::string_view> Vocabulary::token(int64_t id) const {
  if (id < 0 || id >= id_end() || by_id_[static_cast<size_t>(id)].length == kAbsent) return std::nullopt;
  const Place& place = by_id_[static_cast<size_t>(id)];
  return std::string_view(pool_).substr(place.begin, place.length);
}

}  // namespace tekio
