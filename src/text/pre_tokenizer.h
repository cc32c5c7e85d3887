// Pre-tokenizers: cut normalized text into the splits that the model sees one by one, and that word ids count.
#pragma once

#include <cstddef>
#include <vector>

#include "text/normalizer.h"

namespace tekio {

/// Characters [begin, end) of a text.
struct Split {
  size_t begin, end;
};

enum class PreTokenizerStep {
  bert,                    ///< white space removed, every punctuation character by itself
  whitespace,              ///< runs of \w, and runs of what is neither \w nor white space
  whitespace_split,        ///< white space removed
  punctuation_isolated,    ///< every punctuation character by itself
  punctuation_removed,     ///< punctuation removed
  punctuation_contiguous,  ///< runs of punctuation by themselves
};

/// A sequence of steps, each cutting what the one before left; none leaves the text whole.
class PreTokenizer {
 public:
  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<PreTokenizerStep> steps) : steps_(std::move(steps)) {}

  /// Replaces `splits` by the non-empty splits of `piece`.
  void split(const AlignedText& text, Split piece, std::vector<Split>& splits) const;

  const std::vector<PreTokenizerStep>& steps() const { return steps_; }

 private:
  std::vector<PreTokenizerStep> steps_;
};

}  // namespace tekio
