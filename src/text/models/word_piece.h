// WordPiece: the longest token that a word begins with, then again on the rest with the continuation prefix in front. A
// word in which that fails anywhere, or that is too long, is one unknown token as a whole.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "text/models/subword_piece.h"
#include "text/normalizer.h"
#include "text/vocabulary.h"

namespace tekio {

class WordPiece {
 public:
  static constexpr const char* kType = "WordPiece";
  /// Space that a caller keeps from word to word.
  struct Scratch {
    std::string bytes;                 // room for the prefix, the word in UTF-8, room to read beyond it
    std::vector<uint32_t> ends;        // where each character begins in the word; one more for the end
    std::vector<uint64_t> hashes;      // of the beginnings of what is left that may be tokens
    std::vector<uint32_t> candidates;  // where they end
  };

  static constexpr int64_t kMaxInputChars = 100;  ///< BERT's

  WordPiece() = default;
  WordPiece(Vocabulary vocabulary, std::string unknown_token, std::string prefix, int64_t max_input_chars_per_word);

  /// Replaces `pieces` by the word's. Errors: input (the unknown token is needed and is not in the vocabulary).
  void tokenize(std::span<const AlignedChar> word, std::vector<SubwordPiece>& pieces, Scratch& scratch) const;
  /// The same for a word of ASCII characters alone.
  void tokenize_ascii(std::string_view word, std::vector<SubwordPiece>& pieces, Scratch& scratch) const;

  /// The same vocabulary with other settings.
  WordPiece with_settings(std::string unknown_token, std::string prefix, int64_t max_input_chars_per_word) && {
    return WordPiece(std::move(vocabulary_), std::move(unknown_token), std::move(prefix), max_input_chars_per_word);
  }

  Vocabulary take_vocabulary() && { return std::move(vocabulary_); }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const std::string& unknown_token() const { return unknown_token_; }
  const std::string& prefix() const { return prefix_; }
  int64_t max_input_chars_per_word() const { return max_input_chars_per_word_; }

 private:
  void spell(std::vector<SubwordPiece>& pieces, Scratch& scratch) const;
  bool greedy(std::vector<SubwordPiece>& pieces, Scratch& scratch) const;

  Vocabulary vocabulary_;
  std::string unknown_token_, prefix_;
  int64_t max_input_chars_per_word_ = kMaxInputChars;
  int32_t unknown_id_ = -1;
  uint64_t prefix_hash_ = 0;
};

}  // namespace tekio
