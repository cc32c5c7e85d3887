#include "text/pair_merger.h"

#include <algorithm>
#include <utility>

namespace tekio {
namespace {

constexpr size_t kAhead = 8;  // words are fetched so many places before their turn

uint64_t word_count(const uint32_t* word) { return word[1] | uint64_t{word[2]} << 32; }

}  // namespace

void PairMerger::Side::meet(uint32_t id, uint64_t count, uint32_t place) {
  Neighbour& neighbour = by_id[id];
  if (neighbour.places == 0) ids.push_back(id);
  neighbour.count += count;
  ++neighbour.places;
  meetings.push_back({id, place});
}

/// Appends the places, each neighbour's together, to `all`; a word where it was met twice in a row once.
void PairMerger::Side::keep_places(std::vector<uint32_t>& all) {
  uint64_t end = all.size();
  for (const uint32_t id : ids) {
    by_id[id].begin = end;
    end += std::exchange(by_id[id].places, 0);
  }
  all.resize(end);
  for (const Meeting& meeting : meetings) {
    Neighbour& neighbour = by_id[meeting.id];
    uint32_t* const at = all.data() + neighbour.begin + neighbour.places;
    if (neighbour.places > 0 && at[-1] == meeting.place) continue;
    *at = meeting.place;
    ++neighbour.places;
  }
}

void PairMerger::Side::clear() {
  for (const uint32_t id : ids) by_id[id] = {};
  ids.clear();
  meetings.clear();
}

PairMerger::PairMerger(Vocabulary& vocabulary, std::string_view prefix, TokenizedWords words)
    : vocabulary_(vocabulary), prefix_(prefix), words_(std::move(words)) {
  count_pairs();
}

void PairMerger::count_pairs() {
  struct Pair {
    PairKey key;
    uint64_t count = 0, begin = 0;
    uint32_t places = 0;
  };
  std::vector<Pair> pairs;
  PairTable numbers;          // of pairs, from 1
  std::vector<uint32_t> met;  // the number of every pair of every word
  const std::vector<uint32_t>& cells = words_.cells;
  met.reserve(cells.size());
  for (size_t at = 0; at < cells.size(); at += TokenizedWords::kHead + cells[at]) {
    const uint64_t count = word_count(&cells[at]);
    const uint32_t* const tokens = &cells[at] + TokenizedWords::kHead;
    for (uint32_t i = 0; i + 1 < cells[at]; ++i) {
      const PairKey key = pair_key(tokens[i], tokens[i + 1]);
      numbers.reserve(numbers.size() + 1);
      int64_t& number = numbers[key];
      if (number == 0) {
        pairs.push_back({key});
        number = static_cast<int64_t>(pairs.size());
      }
      Pair& pair = pairs[static_cast<size_t>(number - 1)];
      pair.count += count;
      ++pair.places;
      met.push_back(static_cast<uint32_t>(number - 1));
    }
  }
  // Every merge makes a word shorter by one and tells of two new pairs at most.
  places_.reserve(3 * met.size());
  places_.resize(met.size());
  uint64_t begin = 0;
  for (Pair& pair : pairs) {
    pair.begin = begin;
    begin += std::exchange(pair.places, 0);
  }
  const uint32_t* number = met.data();
  for (size_t at = 0; at < cells.size(); at += TokenizedWords::kHead + cells[at]) {
    for (uint32_t i = 0; i + 1 < cells[at]; ++i) {
      Pair& pair = pairs[*number++];
      uint32_t* const place = places_.data() + pair.begin + pair.places;
      if (pair.places > 0 && place[-1] == at) continue;
      *place = static_cast<uint32_t>(at);
      ++pair.places;
    }
  }
  counts_.reserve(4 * pairs.size());
  for (const Pair& pair : pairs) {
    counts_[pair.key] = static_cast<int64_t>(pair.count);
    queue_.push({pair.key, pair.begin, pair.places, pair.count});
  }
}

void PairMerger::run(int64_t vocab_size, uint64_t min_frequency) {
  while (static_cast<int64_t>(vocabulary_.size()) < vocab_size) {
    auto top = queue_.pop();
    if (!top) return;
    if (const auto count = static_cast<uint64_t>(counts_[top->pair]); top->count != count) {
      top->count = count;
      queue_.push(*top);
      continue;
    }
    if (top->count < std::max<uint64_t>(1, min_frequency)) return;
    merge(*top, token_of(top->pair));
  }
}

/// The token that the pair becomes, which the vocabulary may have already.
uint32_t PairMerger::token_of(PairKey pair) {
  token_ = vocabulary_.token(left_of(pair)).value();
  std::string_view right = vocabulary_.token(right_of(pair)).value();
  if (right.starts_with(prefix_)) right.remove_prefix(prefix_.size());
  token_ += right;
  if (const int32_t known = vocabulary_.find(token_); known >= 0) return static_cast<uint32_t>(known);
  const auto id = static_cast<int32_t>(vocabulary_.id_end());
  vocabulary_.add(token_, id);
  return static_cast<uint32_t>(id);
}

void PairMerger::merge(const WaitingPair& top, uint32_t merged) {
  const uint32_t left = left_of(top.pair), right = right_of(top.pair);
  for (Side* side : {&before_, &behind_}) side->by_id.resize(static_cast<size_t>(vocabulary_.id_end()));
  const uint32_t* const places = places_.data() + top.begin;
  for (size_t i = 0; i < top.places; ++i) {
    if (i + kAhead < top.places) __builtin_prefetch(&words_.cells[places[i + kAhead]], 1);
    merge_word(places[i], left, right, merged);
  }

  counts_.reserve(counts_.size() + 2 * (before_.ids.size() + behind_.ids.size()) + 1);
  for (const uint32_t id : before_.ids) counts_.prefetch(pair_key(id, left)), counts_.prefetch(pair_key(id, merged));
  for (const uint32_t id : behind_.ids) counts_.prefetch(pair_key(right, id)), counts_.prefetch(pair_key(merged, id));
  for (const uint32_t id : before_.ids) {
    const auto count = static_cast<int64_t>(before_.by_id[id].count);
    counts_[pair_key(id, left)] -= count;
    counts_[pair_key(id, merged)] += count;
  }
  for (const uint32_t id : behind_.ids) {
    const auto count = static_cast<int64_t>(behind_.by_id[id].count);
    counts_[pair_key(right, id)] -= count;
    counts_[pair_key(merged, id)] += count;
  }
  if (doubled_ > 0) counts_[pair_key(merged, merged)] += static_cast<int64_t>(doubled_);

  const auto wait = [&](PairKey pair, uint64_t begin, uint32_t count_of_places) {
    if (const int64_t count = counts_[pair]; count > 0)
      queue_.push({pair, begin, count_of_places, static_cast<uint64_t>(count)});
  };
  before_.keep_places(places_);
  for (const uint32_t id : before_.ids) wait(pair_key(id, merged), before_.by_id[id].begin, before_.by_id[id].places);
  behind_.keep_places(places_);
  for (const uint32_t id : behind_.ids) wait(pair_key(merged, id), behind_.by_id[id].begin, behind_.by_id[id].places);
  if (!doubled_at_.empty()) {
    wait(pair_key(merged, merged), places_.size(), static_cast<uint32_t>(doubled_at_.size()));
    places_.insert(places_.end(), doubled_at_.begin(), doubled_at_.end());
  }
  before_.clear();
  behind_.clear();
  doubled_ = 0;
  doubled_at_.clear();
}

/// Merges left and right wherever they stand side by side in a word, from its beginning on. What this does to the
/// counts is gathered; only where the merged token has itself for a neighbour, which one pair tells from both its
/// sides, old pairs are counted down at once.
void PairMerger::merge_word(uint32_t place, uint32_t left, uint32_t right, uint32_t merged) {
  uint32_t* const word = &words_.cells[place];
  const uint64_t count = word_count(word);
  uint32_t* const tokens = word + TokenizedWords::kHead;
  const uint32_t length = word[0];
  uint32_t kept = 0;
  const auto doubled = [&](PairKey before) {
    count_of(before) -= static_cast<int64_t>(count);
    doubled_ += count;
    doubled_at_.push_back(place);
  };
  for (uint32_t i = 0; i < length;) {
    if (tokens[i] != left || i + 1 == length || tokens[i + 1] != right) {
      tokens[kept++] = tokens[i++];
      continue;
    }
    if (kept > 0) {
      if (const uint32_t before = tokens[kept - 1]; before == merged)
        doubled(pair_key(merged, left));
      else
        before_.meet(before, count, place);
    }
    tokens[kept++] = merged;
    i += 2;
    if (i < length) {
      if (const uint32_t behind = tokens[i]; behind == merged)
        doubled(pair_key(right, merged));
      else
        behind_.meet(behind, count, place);
    }
  }
  word[0] = kept;
}

}  // namespace tekio
