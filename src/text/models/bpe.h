// Byte-pair encoding: a split's characters, of which the two neighbours whose merge has the lowest rank are merged, the
// leftmost first, again and again, until none has one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/models/merge_table.h"
#include "text/models/subword_piece.h"
#include "text/normalizer.h"
#include "text/vocabulary.h"

namespace tekio {

class Bpe {
 public:
  static constexpr const char* kType = "BPE";
  struct Options {
    std::optional<std::string> unknown_token;  // absent: characters that the vocabulary lacks are left out
    std::optional<std::string> prefix;         // before each character of a split but the first
    std::optional<std::string> suffix;         // behind the last
    bool fuse_unknown = false;                 // one unknown token for several characters
    bool byte_fallback = false;                // characters that the vocabulary lacks as bytes, "<0x0A>"
    bool ignore_merges = false;                // a split that is a token is that token
    bool operator==(const Options&) const = default;
  };
  struct Merge {
    std::string_view left, right;
  };
  /// Space that a caller keeps from split to split.
  struct Scratch {
    std::string bytes, spelt;
    std::vector<uint32_t> character_at;  // of each byte
    std::vector<MergedSymbol> symbols;
    MergeTable::Scratch merging;
  };

  Bpe() = default;
  /// `merges` by rank. Errors: input (a merge of what are no tokens, or whose result is none; `where` stands in the
  /// message).
  Bpe(Vocabulary vocabulary, std::span<const Merge> merges, Options options, const std::string& where);

  /// The same of merges of the vocabulary's ids, which are right.
  Bpe(Vocabulary vocabulary, std::vector<MergeTable::Pair> merges, Options options)
      : vocabulary_(std::move(vocabulary)), merges_(std::move(merges)), options_(std::move(options)) {
    prepare();
  }

  /// Replaces `pieces` by the split's. Errors: input (the unknown token is needed and is not in the vocabulary).
  void tokenize(std::span<const AlignedChar> split, std::vector<SubwordPiece>& pieces, Scratch& scratch) const;

  /// Whether the vocabulary has a token for every byte, in the byte-level alphabet, and each is spelt as it is.
  bool spells_bytes() const { return spells_bytes_; }
  /// Replaces `ids` by those of a split of bytes, not yet in that alphabet. Only where spells_bytes().
  void tokenize_bytes(std::string_view split, std::vector<int32_t>& ids, Scratch& scratch) const;

  /// The same vocabulary and merges with other options. Errors: as the constructor's.
  Bpe with_options(Options options, const std::string& where) &&;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  const MergeTable& merges() const { return merges_; }
  const Options& options() const { return options_; }

 private:
  void look_up_characters(std::span<const AlignedChar> split, Scratch& scratch) const;
  bool add_fallback(std::string_view character, std::vector<MergedSymbol>& symbols) const;
  int32_t unknown_id() const;
  void prepare();

  Vocabulary vocabulary_;
  MergeTable merges_;
  Options options_;
  std::array<int32_t, 256> byte_ids_{};
  bool spells_bytes_ = false;
};

}  // namespace tekio
