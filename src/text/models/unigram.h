// Unigram, SentencePiece's own model: of all ways to spell a split with pieces, the one whose pieces have the highest
// sum of scores. Characters that no piece spells are unknown, at a price; several in a row are one unknown token.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/models/subword_piece.h"
#include "text/normalizer.h"
#include "text/utf8.h"
#include "text/vocabulary.h"

namespace tekio {

class Unigram {
 public:
  static constexpr const char* kType = "Unigram";
  struct Piece {
    std::string_view token;
    double score;
  };
  struct Options {
    std::optional<int32_t> unknown_id;  // absent: a character that no piece spells is an error
    bool byte_fallback = false;         // what no piece spells as bytes, "<0x0A>"
    /// The reference's library reads the scores of tokenizer.json by a division, which may be off by the last bit, and
    /// bits decide between equal sums. Python reads them exactly: so it has them in classes that build their own model.
    bool divided_scores = true;
    bool operator==(const Options&) const = default;
  };
  /// Space that a caller keeps from split to split.
  struct Scratch {
    struct Node {
      double score;    // of the best way to spell the text up to here
      uint32_t begin;  // of the last piece on that way
      int32_t id;      // of that piece; kNowhere: no way
    };
    struct Token {
      uint32_t begin, end;  // bytes
      int32_t id;
    };
    std::string bytes;
    std::vector<uint32_t> character_at;  // of each byte
    std::vector<Node> nodes;             // of each byte, and the end
    std::vector<double> leads;           // likewise: of the best way before the second best; not always filled
    std::vector<Token> tokens;           // the way, from its end to its beginning
    std::vector<int32_t> ids;
  };

  Unigram() = default;
  /// The pieces by id, valid UTF-8; of equal ones the last counts. At most Vocabulary::kIdLimit, and more than
  /// unknown_id.
  Unigram(std::span<const Piece> pieces, Options options);

  /// Replaces `pieces` by the split's. Errors: input (there is no unknown token, and one is needed).
  void tokenize(std::span<const AlignedChar> split, std::vector<SubwordPiece>& pieces, Scratch& scratch) const;
  /// Replaces `ids` by those of a split in valid UTF-8. Errors: as tokenize().
  void tokenize_utf8(std::string_view split, std::vector<int32_t>& ids, Scratch& scratch) const;
  /// What became of a part of a split.
  struct Way {
    double sum;          // of the scores, with those before
    double lead;         // every token's way was ahead of all others by so much
    bool holds_unknown;  // so that scores() of its tokens do not say the sum
  };
  /// The same of a part of a split into whose neighbours no token reaches; the scores before it sum up to `before`.
  Way tokenize_part(std::string_view part, double before, std::vector<int32_t>& ids, Scratch& scratch) const;
  /// What a token adds to the sum, by id; `largest_weight`: the most that any does, taken without its sign.
  const std::vector<double>& weights() const { return weights_; }
  double largest_weight() const { return largest_weight_; }

  /// Calls use(end, id) for every piece that `text`, valid UTF-8 with Vocabulary::kReadable bytes behind it, has at
  /// `begin`, the shortest first.
  template <typename Use>
  void for_each_piece(std::string_view text, size_t begin, Use&& use) const {
    uint64_t hash = Vocabulary::kHashStart;
    for (size_t end = begin; end < text.size();) {
      const size_t length = utf8_length(text[end]);
      hash = Vocabulary::hash(hash, text.substr(end, length));
      end += length;
      if (!may_begin_piece(hash)) return;
      const int32_t id = vocabulary_.find(hash, text.data() + begin, end - begin);
      if (id >= 0) use(end, id);
    }
  }

  /// The same pieces with other options.
  Unigram with_options(Options options) &&;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  /// By id, as the files say.
  const std::vector<double>& scores() const { return scores_; }
  /// What a character that no piece spells adds to the sum.
  double unknown_weight() const { return unknown_weight_; }
  const Options& options() const { return options_; }
  /// Whether unknown characters become pieces of their bytes.
  bool falls_back(std::string_view characters) const {
    return options_.byte_fallback && std::all_of(characters.begin(), characters.end(),
                                                 [&](char c) { return byte_ids_[static_cast<unsigned char>(c)] >= 0; });
  }

 private:
  static constexpr int32_t kNowhere = -1;

  bool may_begin_piece(uint64_t hash) const { return prefixes_[hash >> 6 & prefix_mask_] >> (hash & 63) & 1; }
  void prepare();
  template <bool kLeads>
  void look_ahead(std::string_view text, size_t begin, Scratch& scratch) const;
  template <bool kLeads>
  Way find_way(double before, Scratch& scratch) const;
  template <typename Put>
  void put_tokens(Scratch& scratch, Put&& put) const;

  Vocabulary vocabulary_;
  std::vector<double> scores_, weights_;  // of files, and what is added up
  Options options_;
  double unknown_weight_ = 0, largest_weight_ = 0;
  std::array<int32_t, 256> byte_ids_{};
  std::vector<uint64_t> prefixes_ = {
      0};                   // a bit for each beginning of a piece, by its hash; 4 bits or more a beginning
  size_t prefix_mask_ = 0;  // prefixes_.size() - 1
};

}  // namespace tekio
