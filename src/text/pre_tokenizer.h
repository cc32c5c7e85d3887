// Pre-tokenizers: cut normalized text into the splits that the model sees one by one, and that word ids count.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "text/japanese_words.h"
#include "text/metaspace.h"
#include "text/normalizer.h"
#include "text/pattern.h"

namespace tekio {

/// Characters [begin, end) of a text.
struct Split {
  size_t begin, end;
};

/// What becomes of what a step looks for.
enum class Delimiter {
  removed,
  isolated,              ///< each a split of its own
  merged_with_previous,  ///< the end of the split before it; of several in a row, the first alone
  merged_with_next,      ///< likewise
  contiguous             ///< runs of them are splits of their own
};

struct BertPreTokenization {  ///< white space removed, every punctuation character by itself
  bool operator==(const BertPreTokenization&) const = default;
};
struct WhitespacePreTokenization {  ///< runs of \w, and runs of what is neither \w nor white space
  bool operator==(const WhitespacePreTokenization&) const = default;
};
struct WhitespaceSplitting {  ///< white space removed
  bool operator==(const WhitespaceSplitting&) const = default;
};
struct PunctuationSplitting {
  Delimiter delimiter = Delimiter::isolated;
  bool operator==(const PunctuationSplitting&) const = default;
};
struct DigitSplitting {  ///< digits one by one, or in runs
  bool one_by_one = false;
  bool operator==(const DigitSplitting&) const = default;
};
struct CharacterSplitting {  ///< one character, removed
  char32_t c;
  bool operator==(const CharacterSplitting&) const = default;
};
struct PatternSplitting {
  Pattern pattern;
  Delimiter delimiter;
  bool invert = false;  ///< the delimiter is what lies between the matches
  bool operator==(const PatternSplitting&) const = default;
};
struct ScriptSplitting {  ///< runs of one script; spaces belong to the script before them, and get lost at the
                          ///< beginning
  bool operator==(const ScriptSplitting&) const = default;
};
/// The words of GPT-2's pattern (see ByteLevelScanner), or the text as it is, in the byte-level alphabet.
struct ByteLevelPreTokenization {
  bool add_prefix_space = true;  ///< in front of what begins with none
  bool use_regex = true;
  bool trim_offsets = true;  ///< of the file alone: nothing depends on it here
  bool operator==(const ByteLevelPreTokenization&) const = default;
};
struct JapaneseWordSplitting {  ///< BertJapaneseTokenizer's; alone
  std::shared_ptr<const JapaneseWords> words;
  bool operator==(const JapaneseWordSplitting&) const = default;
};
/// Spaces become a visible character, which begins words; one more is put in front of what begins with none.
struct MetaspacePreTokenization {
  char32_t replacement = kMetaspace;
  MetaspacePrefix prefix = MetaspacePrefix::always;
  bool split = true;  ///< before each
  bool operator==(const MetaspacePreTokenization&) const = default;
};
using PreTokenizerStep =
    std::variant<BertPreTokenization, WhitespacePreTokenization, WhitespaceSplitting, PunctuationSplitting,
                 DigitSplitting, CharacterSplitting, PatternSplitting, ScriptSplitting, ByteLevelPreTokenization,
                 JapaneseWordSplitting, MetaspacePreTokenization>;

/// The splits of a piece of text, and the text that they lie in: the one that was cut, or what a step made of it.
struct PreTokenizedText {
  const AlignedText* text = nullptr;
  std::vector<Split> splits;
  AlignedText rewritten;      // `text`, where a step changes characters
  std::vector<Split> before;  // scratch space of the steps
  AlignedText rewritten_before;
  SpeltText spelt;

  std::span<const AlignedChar> of(const Split& split) const {
    return std::span(*text).subspan(split.begin, split.end - split.begin);
  }
};

/// A sequence of steps, each cutting what the one before left; none leaves the text whole.
class PreTokenizer {
 public:
  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<PreTokenizerStep> steps) : steps_(std::move(steps)) {}

  /// Replaces `out` by the non-empty splits of a piece of `text`, which must live as long as they are looked at.
  /// Errors: input (see Pattern::find).
  void split(const AlignedText& text, Split piece, PreTokenizedText& out) const;

  const std::vector<PreTokenizerStep>& steps() const { return steps_; }

 private:
  std::vector<PreTokenizerStep> steps_;
};

}  // namespace tekio
