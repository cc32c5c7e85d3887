// What the trainers that merge pairs work on: a corpus's distinct words as tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/large_pages.h"
#include "base/thread_pool.h"
#include "text/count_table.h"

namespace tekio {

/// Distinct words as tokens, one after another in one array: how many there are, the word's count in two parts (lower,
/// upper), then the tokens, which become fewer. A word of more than kMost tokens is several such pieces, so that what a
/// merge costs is a matter of how often the pair occurs, however long the words are.
class TokenizedWords {
 public:
  static constexpr size_t kHead = 3, kMost = 1024;

  void begin_word(uint64_t count) {
    begin_ = cells_.size();
    begin_piece(count);
  }
  void push(uint32_t token) {
    if (cells_.size() - piece_ == kHead + kMost) {
      const uint64_t count = word_count(&cells_[piece_]);
      end_piece();
      cells_[piece_ + 2] |= kGoesOn;
      begin_piece(count | uint64_t{kWentBefore} << 32);
    }
    cells_.push_back(token);
  }
  /// A word of one token, or of none, is left out.
  void end_word() {
    end_piece();
    if (piece_ == begin_ && cells_[begin_] < 2) cells_.resize(begin_);
  }
  /// Appends other words.
  void append(const TokenizedWords& more) { cells_.insert(cells_.end(), more.cells_.begin(), more.cells_.end()); }

  /// Cells by place, a piece's by its first one.
  uint32_t* at(size_t place) { return cells_.data() + place; }
  const uint32_t* at(size_t place) const { return cells_.data() + place; }
  size_t size() const { return cells_.size(); }
  /// Before anything was merged: calls use(place, piece, pairs) for every piece, whose last pair may reach into the
  /// next one, which is behind it.
  template <typename Use>
  void for_each_piece(Use&& use) const {
    for (size_t place = 0; place < cells_.size(); place += kHead + cells_[place])
      use(static_cast<uint32_t>(place), at(place), cells_[place] - 1 + goes_on(at(place)));
  }

  static uint64_t word_count(const uint32_t* piece) { return piece[1] | uint64_t{piece[2] & kCount} << 32; }
  static bool goes_on(const uint32_t* piece) { return (piece[2] & kGoesOn) != 0; }
  static bool went_before(const uint32_t* piece) { return (piece[2] & kWentBefore) != 0; }
  /// The next or the previous piece of the word that has a token left; nullptr where there is none.
  static uint32_t* next(uint32_t* piece) {
    while (goes_on(piece))
      if (piece += kHead + kMost; piece[0] > 0) return piece;
    return nullptr;
  }
  static uint32_t* previous(uint32_t* piece) {
    while (went_before(piece))
      if (piece -= kHead + kMost; piece[0] > 0) return piece;
    return nullptr;
  }

 private:
  static constexpr uint32_t kGoesOn = uint32_t{1} << 31, kWentBefore = uint32_t{1} << 30, kCount = kWentBefore - 1;

  void begin_piece(uint64_t count) {
    piece_ = cells_.size();
    cells_.insert(cells_.end(), {0, static_cast<uint32_t>(count), static_cast<uint32_t>(count >> 32)});
  }
  void end_piece() { cells_[piece_] = static_cast<uint32_t>(cells_.size() - piece_ - kHead); }

  LargeVector<uint32_t> cells_;
  size_t begin_ = 0, piece_ = 0;  // of the word and its piece that are being written
};

/// Errors: input (so many tokens, in all distinct words together, have no places that 32 bits can tell).
void check_places(uint64_t tokens);

/// What tokenize(table, words) appends for each of the tables, in their order. Errors: as check_places().
template <typename Tokenize>
TokenizedWords tokenized_words(const std::vector<CountTable>& tables, const Tokenize& tokenize, ThreadPool& pool) {
  std::vector<TokenizedWords> parts(tables.size());
  pool.for_each(static_cast<int64_t>(tables.size()),
                [&](int64_t i, int) { tokenize(tables[static_cast<size_t>(i)], parts[static_cast<size_t>(i)]); });
  for (size_t i = 1; i < parts.size(); ++i) parts.front().append(parts[i]);
  check_places(parts.front().size());
  return std::move(parts.front());
}

}  // namespace tekio
