// A vocabulary of characters: each character of a word is a token, or the unknown one.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "text/models/subword_piece.h"
#include "text/normalizer.h"
#include "text/vocabulary.h"

namespace tekio {

class Characters {
 public:
  static constexpr const char* kType = "Characters";  // none of tokenizer.json's
  struct Scratch {};

  Characters(Vocabulary vocabulary, std::string unknown_token)
      : vocabulary_(std::move(vocabulary)),
        unknown_token_(std::move(unknown_token)),
        unknown_id_(vocabulary_.find(unknown_token_)) {}

  /// Replaces `pieces` by the word's. Errors: input (the unknown token is needed and is not in the vocabulary).
  void tokenize(std::span<const AlignedChar> word, std::vector<SubwordPiece>& pieces, Scratch& scratch) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  const std::string& unknown_token() const { return unknown_token_; }

 private:
  Vocabulary vocabulary_;
  std::string unknown_token_;
  int32_t unknown_id_;
};

}  // namespace tekio
