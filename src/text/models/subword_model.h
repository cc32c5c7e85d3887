// The model of a tokenizer, whichever it is: cuts the splits that the pre-tokenizer leaves into pieces of a vocabulary.
// Each model has a file pair of its own beside this one; its members in tokenizer.json are in model_json.cc.
#pragma once

#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "text/models/bpe.h"
#include "text/models/characters.h"
#include "text/models/subword_piece.h"
#include "text/models/unigram.h"
#include "text/models/word_piece.h"
#include "text/normalizer.h"
#include "text/vocabulary.h"

namespace tekio {

class SubwordModel {
 public:
  using Kind = std::variant<WordPiece, Bpe, Characters, Unigram>;
  /// Space that a caller keeps from split to split.
  struct Scratch {
    WordPiece::Scratch word_piece;
    Bpe::Scratch bpe;
    Characters::Scratch characters;
    Unigram::Scratch unigram;
  };

  SubwordModel() = default;
  SubwordModel(Kind kind) : kind_(std::move(kind)) {}

  const Vocabulary& vocabulary() const;
  /// Its name in tokenizer.json.
  const char* type() const;
  /// Replaces `pieces` by the split's, which is not empty. Errors: input (a token that it takes is not in the
  /// vocabulary).
  void tokenize(std::span<const AlignedChar> split, std::vector<SubwordPiece>& pieces, Scratch& scratch) const;

  const Kind& kind() const { return kind_; }
  Kind take() && { return std::move(kind_); }
  /// The model if it is of this kind; else nullptr.
  template <typename Model>
  const Model* as() const {
    return std::get_if<Model>(&kind_);
  }

 private:
  Kind kind_;
};

}  // namespace tekio
