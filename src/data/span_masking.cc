#include "data/span_masking.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace tekio {
namespace {

constexpr double kLongWord = 10;  // tokens

void add_tokens(const SpanWord& word, std::span<const int32_t> ids, const MaskingVocabulary& vocabulary,
                std::vector<SpanWord>& words) {
  for (int32_t t = word.begin; t < word.end; ++t) {
    if (vocabulary.is_special(ids[static_cast<size_t>(t)])) continue;
    const bool follows = !words.empty() && words.back().end == t && (t > word.begin || word.follows);
    words.push_back({t, t + 1, 1, follows});
  }
}

}  // namespace

SpanLengths::SpanLengths(double p, int64_t longest) {
  TEKIO_CHECK(p > 0 && p <= 1 && longest >= 1, "{} {}", p, longest);
  double all = 0, so_far = 0;
  for (int64_t l = 1; l <= longest; ++l) all += p * std::pow(1 - p, static_cast<double>(l - 1));
  for (int64_t l = 1; l <= longest; ++l) {
    so_far += p * std::pow(1 - p, static_cast<double>(l - 1));
    below_.push_back(static_cast<uint64_t>(std::llround(so_far / all * 0x1p32)));
  }
  below_.back() = uint64_t{1} << 32;
}

int64_t SpanLengths::of(uint32_t word) const {
  return std::upper_bound(below_.begin(), below_.end(), uint64_t{word}) - below_.begin() + 1;
}

void span_words(std::span<const int32_t> ids, std::span<const int32_t> word_ids, const MaskingVocabulary& vocabulary,
                double rate, std::vector<SpanWord>& words) {
  words.clear();
  int64_t tokens = 0;
  for (size_t begin = 0, end; begin < ids.size(); begin = end) {
    end = begin + 1;
    if (word_ids[begin] == Encoding::kNoWord) continue;
    while (end < ids.size() && word_ids[end] == word_ids[begin]) ++end;
    SpanWord word{static_cast<int32_t>(begin), static_cast<int32_t>(end), 0, false};
    for (size_t t = begin; t < end; ++t) word.tokens += !vocabulary.is_special(ids[t]);
    if (word.tokens == 0) continue;
    // Words of a text are numbered one after the other: where they are not, another text begins.
    word.follows = !words.empty() && words.back().end == word.begin && word_ids[begin] == word_ids[begin - 1] + 1;
    words.push_back(word);
    tokens += word.tokens;
  }
  const double longest = std::max(kLongWord, rate * static_cast<double>(tokens));
  const auto is_passage = [&](const SpanWord& word) { return static_cast<double>(word.tokens) > longest; };
  if (std::ranges::none_of(words, is_passage)) return;
  for (const SpanWord& word : std::exchange(words, {})) {
    if (is_passage(word))
      add_tokens(word, ids, vocabulary, words);
    else
      words.push_back(word);
  }
}

}  // namespace tekio
