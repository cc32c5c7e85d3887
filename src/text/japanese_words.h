// What BertJapaneseTokenizer of Hugging Face transformers cuts a text into before its subword model: words that MeCab
// finds, or BERT's basic ones, as Python's str and unicodedata have it.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>

#include "text/mecab.h"
#include "text/normalizer.h"

namespace tekio {

struct PreTokenizedText;

class JapaneseWords {
 public:
  enum class Kind {
    whole,  ///< nothing is looked for: what stands between white space, or a character
    basic,  ///< between white space, punctuation by itself
    mecab
  };
  struct Settings {
    Kind kind = Kind::basic;
    bool normalize_text = true;  ///< NFKC before MeCab
    bool lowercase = false;
    bool characters = false;            ///< for a vocabulary of characters: words in NFKC, white space kept
    std::set<std::string> never_split;  ///< words that are neither lowercased nor cut at punctuation
    std::shared_ptr<const Mecab> mecab;
  };

  explicit JapaneseWords(Settings settings) : settings_(std::move(settings)) {}

  /// Appends the words of a text to `out.splits`, and what they are made of to `out.rewritten`. Errors: input (see
  /// Mecab::find).
  void cut(std::span<const AlignedChar> text, PreTokenizedText& out) const;

  const Settings& settings() const { return settings_; }

 private:
  void cut_by_mecab(AlignedText text, PreTokenizedText& out) const;
  void cut_by_basic_rules(AlignedText text, PreTokenizedText& out) const;
  void append_word(std::span<const AlignedChar> word, PreTokenizedText& out) const;
  bool is_kept(std::span<const AlignedChar> word) const;

  Settings settings_;
};

}  // namespace tekio
