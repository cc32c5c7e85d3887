// Spans without their replacements: which words of a sequence are masked together. The rule is SpanBERT's (Joshi et al.
// 2020, "SpanBERT: improving pre-training by representing and predicting spans", section 3.1, and its published code):
// until a share of the tokens is masked, a length in words is drawn and a token; the span begins where that token's
// word begins, and goes on word by word, over masked ones, too. Spans that meet are one. Three things differ: the word
// that meets the share is masked whole, a span ends where a text or a special token does, and what a tokenizer has for
// a word though it is a passage is taken token by token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/masking.h"

namespace tekio {

/// The lengths l = 1 … longest, each with a chance that is p (1 - p)^(l - 1) but for a factor.
class SpanLengths {
 public:
  /// 0 < p <= 1, longest >= 1.
  SpanLengths(double p, int64_t longest);
  /// The length that a random word stands for.
  int64_t of(uint32_t word) const;

 private:
  std::vector<uint64_t> below_;  // [longest]: words below are of this length or less
};

/// A word of a sequence, and how many of its tokens may be masked: all but special ones.
struct SpanWord {
  int32_t begin, end;
  int32_t tokens;
  bool follows;  ///< the word before it lies right before it, so that a span can go on
};
/// The words that have a token that may be masked. Of one that has more of them than ten, and than are to be masked of
/// all, each token is a word: it is a sentence or a whole text, as tokenizers have it that do not split at spaces or
/// whose language has none, and masked as one it would be most of what there is.
void span_words(std::span<const int32_t> ids, std::span<const int32_t> word_ids, const MaskingVocabulary& vocabulary,
                double rate, std::vector<SpanWord>& words);

/// Sets taken[w] to 1 for words until ceil(rate · tokens) of their tokens are taken. `next()` draws a random word,
/// `below(n)` a number in [0, n), by turns, once for each span that is tried.
template <typename Draws>
void take_spans(std::span<const SpanWord> words, double rate, const SpanLengths& lengths, Draws& draws,
                std::vector<uint8_t>& taken) {
  taken.assign(words.size(), 0);
  std::vector<uint32_t> word_of;  // each token that may be masked
  for (size_t w = 0; w < words.size(); ++w)
    word_of.insert(word_of.end(), static_cast<size_t>(words[w].tokens), static_cast<uint32_t>(w));
  const double wanted = rate * static_cast<double>(word_of.size());
  for (double masked = 0; masked < wanted;) {
    const int64_t length = lengths.of(draws.next());
    const size_t first = word_of[draws.below(static_cast<uint32_t>(word_of.size()))];
    if (taken[first] != 0) continue;
    for (size_t w = first; w < words.size() && w < first + static_cast<size_t>(length) && masked < wanted; ++w) {
      if (w > first && !words[w].follows) break;
      if (taken[w] == 0) masked += words[w].tokens;
      taken[w] = 1;
    }
  }
}

}  // namespace tekio
