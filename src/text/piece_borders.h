// Where a text surely falls apart for a Unigram model: between two characters that stand next to each other in no
// piece. What lies between two such places is spelt by itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/models/unigram.h"
#include "text/scanned_regions.h"

namespace tekio {

class PieceBorders {
 public:
  PieceBorders() = default;
  explicit PieceBorders(const Unigram& model);

  /// Whether no token reaches from `a` to `b` behind it. False for few of the pairs of which that is so.
  bool between(char32_t a, char32_t b) const {
    if ((a | b) < kAscii) return (ascii_[a][b / 64] >> (b % 64) & 1) != 0;
    return !is_pair(a, b) && (is_spelt(a) || is_spelt(b));
  }

 private:
  static constexpr char32_t kAscii = 0x80;

  bool is_pair(char32_t a, char32_t b) const {
    const uint64_t at = place_of(a, b);
    return (pairs_[at / 64] >> (at % 64) & 1) != 0;
  }
  bool is_spelt(char32_t c) const { return (spelt_[c / 64] >> (c % 64) & 1) != 0; }
  uint64_t place_of(char32_t a, char32_t b) const { return (uint64_t{a} << 21 | b) * 0x9E3779B97F4A7C15 >> shift_; }

  std::vector<uint64_t> pairs_;  // a bit for each pair, by its hash: some say so of what is none
  int shift_ = 58;               // of the hash; 64 less the places' number's logarithm
  std::vector<uint64_t> spelt_;  // a bit for each character that is a piece: several that are none are one token
  std::array<std::array<uint64_t, 2>, kAscii> ascii_{};
};

/// Cuts a text there, a window at a time.
class PieceScanner : public AdjoiningRegions {
 public:
  /// `borders` must outlive it.
  explicit PieceScanner(const PieceBorders& borders) : borders_(borders) {}
  /// Starts over at the beginning of `text`, valid UTF-8 of at most INT32_MAX bytes, which must live as long as next()
  /// is called.
  void start(std::string_view text);
  /// The regions that end within the next window; `false` after the last window.
  bool next();

 private:
  const PieceBorders& borders_;
  std::string_view text_;
  size_t position_ = 0;  // of the next window
  char32_t before_ = 0;  // the character in front of it
};

}  // namespace tekio
