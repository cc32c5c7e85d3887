// Linear probing in a table that is at most half full.
#include "text/vocabulary.h"

#include <algorithm>
#include <bit>

namespace tekio {

void Vocabulary::reserve(size_t tokens, size_t bytes) {
  pool_.reserve(bytes);
  entries_.reserve(tokens);
  by_id_.reserve(tokens);
  rebuild(std::bit_ceil(std::max<size_t>(64, 2 * tokens)));
}

void Vocabulary::rebuild(size_t slots) {
  if (slots <= slots_.size()) return;
  slots_.assign(slots, Slot{});
  filter_.assign(slots / 8, 0);
  filter_mask_ = filter_.size() - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const uint64_t h = hash(kHashStart, text(entries_[i]));
    size_t at = slot_of(h);
    while (slots_[at].entry != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {static_cast<uint32_t>(h >> 32), static_cast<uint32_t>(i + 1)};
    note(h);
  }
}

bool Vocabulary::add(std::string_view token, int32_t id) {
  if (2 * (entries_.size() + 1) > slots_.size()) rebuild(std::max<size_t>(64, 2 * slots_.size()));
  const uint64_t h = hash(kHashStart, token);
  if (find(h, {}, token) >= 0 || this->token(id)) return false;
  const auto number = static_cast<uint32_t>(entries_.size() + 1);
  entries_.push_back({static_cast<uint32_t>(pool_.size()), static_cast<uint32_t>(token.size()), id});
  pool_.append(token);
  if (static_cast<size_t>(id) >= by_id_.size()) by_id_.resize(static_cast<size_t>(id) + 1, 0);
  by_id_[static_cast<size_t>(id)] = number;
  longest_ = std::max(longest_, token.size());
  size_t at = slot_of(h);
  while (slots_[at].entry != 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {static_cast<uint32_t>(h >> 32), number};
  note(h);
  return true;
}

int32_t Vocabulary::find(uint64_t hash, std::string_view prefix, std::string_view rest) const {
  if (slots_.empty() || !may_have(hash)) return -1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t at = slot_of(hash); slots_[at].entry != 0; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].tag != tag) continue;
    const Entry& entry = entries_[slots_[at].entry - 1];
    const std::string_view stored = text(entry);
    if (stored.size() == prefix.size() + rest.size() && stored.starts_with(prefix) &&
        stored.substr(prefix.size()) == rest)
      return entry.id;
  }
  return -1;
}

std::optional<std::string_view> Vocabulary::token(int64_t id) const {
  if (id < 0 || id >= id_end() || by_id_[static_cast<size_t>(id)] == 0) return std::nullopt;
  return text(entries_[by_id_[static_cast<size_t>(id)] - 1]);
}

}  // namespace tekio
