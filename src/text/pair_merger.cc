#include "text/pair_merger.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tekio {
namespace {

constexpr size_t kWordsAhead = 12;  // words are fetched so many places before their turn
constexpr size_t kMeanCells = 12;   // of a word: its second half is fetched from there
constexpr size_t kShare = 1024;     // places that are worth a thread

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

bool PairMerger::Side::meet(uint32_t id, uint64_t count, uint32_t place) {
  Neighbour& neighbour = by_id[id];
  const bool first = neighbour.places == 0;
  if (first) ids.push_back(id);
  neighbour.count += count;
  ++neighbour.places;
  meetings.push_back({id, place});
  return first;
}

void PairMerger::Side::take(Side& other) {
  for (const uint32_t id : other.ids) {
    Neighbour& neighbour = by_id[id];
    if (neighbour.places == 0) ids.push_back(id);
    neighbour.count += other.by_id[id].count;
    neighbour.places += other.by_id[id].places;
  }
  append(meetings, other.meetings);
  other.clear();
}

/// Appends the places, each neighbour's together, to `all`; a word where it was met twice in a row once.
void PairMerger::Side::keep_places(LargeVector<uint32_t>& all) {
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

void PairMerger::Findings::take(Findings& other) {
  before.take(other.before);
  behind.take(other.behind);
  doubled += other.doubled;
  append(doubled_at, other.doubled_at);
  append(undone, other.undone);
  other.clear();
}

void PairMerger::Findings::clear() {
  before.clear();
  behind.clear();
  doubled = 0;
  doubled_at.clear();
  undone.clear();
}

PairMerger::PairMerger(Vocabulary& vocabulary, std::string_view prefix, TokenizedWords words, ThreadPool& pool)
    : vocabulary_(vocabulary),
      prefix_(prefix),
      words_(std::move(words)),
      pool_(pool),
      found_(static_cast<size_t>(pool.threads())) {
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
  met.reserve(words_.size());
  words_.for_each_piece([&](uint32_t, const uint32_t* piece, uint32_t count_of_pairs) {
    const uint64_t count = TokenizedWords::word_count(piece);
    const uint32_t* const tokens = piece + TokenizedWords::kHead;
    for (uint32_t i = 0; i < count_of_pairs; ++i) {
      const size_t right = i + 1 < piece[0] ? i + 1 : i + 1 + TokenizedWords::kHead;
      const PairKey key = pair_key(tokens[i], tokens[right]);
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
  });
  // Every merge makes a word shorter by one and tells of two new pairs at most.
  places_.reserve(3 * met.size());
  places_.resize(met.size());
  uint64_t begin = 0;
  for (Pair& pair : pairs) {
    pair.begin = begin;
    begin += std::exchange(pair.places, 0);
  }
  const uint32_t* number = met.data();
  words_.for_each_piece([&](uint32_t at, const uint32_t*, uint32_t count_of_pairs) {
    for (uint32_t i = 0; i < count_of_pairs; ++i) {
      Pair& pair = pairs[*number++];
      uint32_t* const place = places_.data() + pair.begin + pair.places;
      if (pair.places > 0 && place[-1] == at) continue;
      *place = at;
      ++pair.places;
    }
  });
  // A third of the pairs that stand in words by the end is about how many different ones there will have been.
  counts_.reserve(std::max(4 * pairs.size(), met.size() / 3));
  for (const Pair& pair : pairs) {
    counts_[pair.key] = static_cast<int64_t>(pair.count);
    queue_.push({pair.key, pair.begin, pair.places, pair.count});
  }
}

void PairMerger::run(int64_t vocab_size, uint64_t min_frequency) {
  while (static_cast<int64_t>(vocabulary_.size()) < vocab_size) {
    auto top = queue_.pop();
    if (!top) return;
    if (const WaitingPair* const later = queue_.peek(kWordsAhead)) counts_.prefetch(later->pair);
    if (const auto count = static_cast<uint64_t>(counts_[top->pair]); top->count != count) {
      top->count = count;
      queue_.push(*top);
      continue;
    }
    if (top->count < std::max<uint64_t>(1, min_frequency)) return;
    fetch_next();
    merges_.push_back({top->pair, token_of(top->pair)});
    merge(*top, merges_.back().token);
  }
}

/// Lets the processor fetch what the next merge will probably begin with.
void PairMerger::fetch_next() const {
  const WaitingPair* const next = queue_.peek(0);
  if (next == nullptr) return;
  counts_.prefetch(next->pair);
  for (size_t i = 0; i < std::min<size_t>(next->places, kWordsAhead); ++i)
    __builtin_prefetch(words_.at(places_[next->begin + i]), 1);
}

/// The token that the pair becomes, which the vocabulary may have already.
uint32_t PairMerger::token_of(PairKey pair) {
  token_ = vocabulary_.token(left_of(pair)).value();
  std::string_view right = vocabulary_.token(right_of(pair)).value();
  if (right.starts_with(prefix_)) right.remove_prefix(prefix_.size());
  token_ += right;
  const auto id = static_cast<int32_t>(vocabulary_.id_end());
  return static_cast<uint32_t>(vocabulary_.add(token_, id) ? id : vocabulary_.find(token_));
}

/// A pair that many words have is merged on several threads, a share of the words each: a place stands but once in a
/// list, in order where it is of one word, and what the threads find out is a sum.
void PairMerger::merge(const WaitingPair& top, uint32_t merged) {
  const uint32_t* const places = places_.data() + top.begin;
  const size_t shares = std::clamp<size_t>(top.places / kShare, 1, found_.size());
  for (size_t i = 0; i < shares; ++i)
    for (Side* side : {&found_[i].before, &found_[i].behind})
      side->by_id.resize(static_cast<size_t>(vocabulary_.id_end()));
  const auto border = [&](size_t i) {  // of shares; a word's pieces are not parted
    size_t at = top.places * i / shares;
    while (at > 0 && at < top.places && TokenizedWords::went_before(words_.at(places[at]))) ++at;
    return at;
  };
  const auto merge_share = [&](size_t i) {
    const size_t begin = border(i), end = border(i + 1);
    merge_words(places + begin, end - begin, top.pair, merged, found_[i]);
  };
  if (shares == 1)
    merge_share(0);
  else
    pool_.for_each(static_cast<int64_t>(shares), [&](int64_t i, int) { merge_share(static_cast<size_t>(i)); });
  for (size_t i = 1; i < shares; ++i) found_[0].take(found_[i]);
  settle(left_of(top.pair), right_of(top.pair), merged, found_[0]);
}

void PairMerger::merge_words(const uint32_t* places, size_t count, PairKey pair, uint32_t merged, Findings& found) {
  const auto fetch = [&](size_t i) {
    const uint32_t* const word = words_.at(places[i]);
    __builtin_prefetch(word, 1);
    __builtin_prefetch(word + kMeanCells, 1);
  };
  for (size_t i = 0; i < std::min(kWordsAhead, count); ++i) fetch(i);
  for (size_t i = 0; i < count; ++i) {
    if (i + kWordsAhead < count) fetch(i + kWordsAhead);
    merge_word(places[i], left_of(pair), right_of(pair), merged, found);
  }
}

/// Merges left and right wherever they stand side by side in a piece of a word, from its beginning on; the right one
/// may be the first of the next piece. What this does to the counts is gathered. Where the merged token has itself for
/// a neighbour, one pair would be told of from both its sides: that is told apart.
void PairMerger::merge_word(uint32_t place, uint32_t left, uint32_t right, uint32_t merged, Findings& found) {
  constexpr size_t kHead = TokenizedWords::kHead;
  uint32_t* const word = words_.at(place);
  const uint64_t count = TokenizedWords::word_count(word);
  uint32_t* const tokens = word + kHead;
  const uint32_t length = word[0];
  uint32_t* next = TokenizedWords::next(word);
  const auto is_pair = [&, pair = left | uint64_t{right} << 32](uint32_t i) {
    uint64_t two;
    std::memcpy(&two, tokens + i, sizeof two);
    return two == pair;
  };
  const auto reaches_over = [&](uint32_t i) {
    return i + 1 == length && next != nullptr && tokens[i] == left && next[kHead] == right;
  };
  uint32_t i = 0;
  while (i + 1 < length && !is_pair(i)) ++i;
  if (i + 1 >= length && !reaches_over(i)) return;  // another pair took it apart
  uint32_t kept = i;
  const auto double_up = [&](PairKey before, uint32_t at) {
    found.undone.emplace_back(before, count);
    found.doubled += count;
    found.doubled_at.push_back(at);
  };
  while (i < length) {
    const bool over = reaches_over(i);
    if (!over && (i + 1 == length || !is_pair(i))) {
      tokens[kept++] = tokens[i++];
      continue;
    }
    uint32_t* const piece = kept > 0 ? word : TokenizedWords::previous(word);  // of the token before
    if (piece != nullptr) {
      const uint32_t before = piece == word ? tokens[kept - 1] : piece[kHead + piece[0] - 1];
      const auto at = static_cast<uint32_t>(place - (word - piece));
      if (before == merged)
        double_up(pair_key(merged, left), at);
      else if (found.before.meet(before, count, at))
        counts_.prefetch(pair_key(before, left)), counts_.prefetch(pair_key(before, merged));
    }
    tokens[kept++] = merged;
    i += 2;
    if (over) {
      std::copy(next + kHead + 1, next + kHead + next[0], next + kHead);
      if (--next[0] == 0) next = TokenizedWords::next(next);
    }
    if (i < length || next != nullptr) {
      if (const uint32_t behind = i < length ? tokens[i] : next[kHead]; behind == merged)
        double_up(pair_key(right, merged), place);
      else if (found.behind.meet(behind, count, place))
        counts_.prefetch(pair_key(right, behind)), counts_.prefetch(pair_key(merged, behind));
    }
  }
  word[0] = kept;
}

/// Brings the counts up to date and lets new pairs wait. Forgets what was found.
void PairMerger::settle(uint32_t left, uint32_t right, uint32_t merged, Findings& found) {
  Side &before = found.before, &behind = found.behind;
  counts_.reserve(counts_.size() + 2 * (before.ids.size() + behind.ids.size()) + found.undone.size() + 1);
  for (const uint32_t id : before.ids) {
    const auto count = static_cast<int64_t>(before.by_id[id].count);
    counts_[pair_key(id, left)] -= count;
    counts_[pair_key(id, merged)] += count;
  }
  for (const uint32_t id : behind.ids) {
    const auto count = static_cast<int64_t>(behind.by_id[id].count);
    counts_[pair_key(right, id)] -= count;
    counts_[pair_key(merged, id)] += count;
  }
  for (const auto& [pair, count] : found.undone) counts_[pair] -= static_cast<int64_t>(count);
  if (found.doubled > 0) counts_[pair_key(merged, merged)] += static_cast<int64_t>(found.doubled);

  const auto wait = [&](PairKey pair, uint64_t begin, uint32_t places) {
    if (const int64_t count = counts_[pair]; count > 0)
      queue_.push({pair, begin, places, static_cast<uint64_t>(count)});
  };
  before.keep_places(places_);
  for (const uint32_t id : before.ids) wait(pair_key(id, merged), before.by_id[id].begin, before.by_id[id].places);
  behind.keep_places(places_);
  for (const uint32_t id : behind.ids) wait(pair_key(merged, id), behind.by_id[id].begin, behind.by_id[id].places);
  if (found.doubled > 0) {
    wait(pair_key(merged, merged), places_.size(), static_cast<uint32_t>(found.doubled_at.size()));
    places_.insert(places_.end(), found.doubled_at.begin(), found.doubled_at.end());
  }
  found.clear();
}

}  // namespace tekio
