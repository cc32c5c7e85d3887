// The pipeline from text to pieces, with characters' places kept: normalize, cut, spell. encode() runs it on whole
// texts, TextEncoder on the words that its cache does not know.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/tables.h"

namespace tekio {

/// Pieces of a text in order.
struct Pieces {
  /// White space at a token's ends, in characters.
  struct Ends {
    int32_t leading, trailing;
  };
  std::vector<int32_t> ids;
  std::vector<int32_t> words;  ///< number of the split in its text
  std::vector<std::pair<int32_t, int32_t>> offsets;
  std::vector<Ends> ends;  ///< filled where offsets are to be trimmed
  int32_t word_count = 0;

  void clear();
};

/// Runs the pipeline; keeps its scratch space between calls. One a thread. `tables` must outlive it.
class PieceEncoder {
 public:
  explicit PieceEncoder(const TokenizerTables& tables) : tables_(&tables) {}

  /// Appends the pieces of a whole text: added tokens are cut out of it first. Valid UTF-8.
  void encode(std::string_view text, Pieces& out);
  /// Appends the pieces of a stretch without added tokens of the kind that is cut out of raw text; its first character
  /// is number `first` of the text.
  void encode_stretch(std::string_view stretch, int32_t first, Pieces& out);

 private:
  void encode_normalized(Split piece, Pieces& out);
  void append_token(int32_t id, std::string_view content, int32_t begin, int32_t end, Pieces& out);
  void note_ends(std::string_view token, Pieces& out) const;
  std::string_view written(const SubwordPiece& piece, std::span<const AlignedChar> word);

  const TokenizerTables* tables_;
  AlignedText text_;
  SpeltText spelt_, unknown_;
  PreTokenizedText split_;
  std::vector<SubwordPiece> pieces_;
  SubwordModel::Scratch scratch_;
  std::vector<AddedTokenMatcher::Stretch> stretches_, inner_;
};

}  // namespace tekio
