#include "data/legacy_words.h"

#include <algorithm>
#include <cmath>

namespace tekio {

void legacy_words(std::span<const int32_t> ids, std::span<const int32_t> word_ids, const MaskingVocabulary& vocabulary,
                  std::vector<TokenRange>& words) {
  words.clear();
  for (size_t t = 0; t < ids.size(); ++t) {
    if (vocabulary.is_boundary(ids[t])) continue;
    const bool goes_on = t > 0 && word_ids[t] != Encoding::kNoWord && word_ids[t] == word_ids[t - 1] && !words.empty();
    if (!goes_on) words.push_back({static_cast<int32_t>(t), 0});
    words.back().end = static_cast<int32_t>(t) + 1;
  }
}

void take_legacy_words(std::span<const TokenRange> words, std::span<const int32_t> ids, double probability,
                       const MaskingVocabulary& vocabulary, std::span<uint8_t> chosen) {
  constexpr int64_t kMost = 512;
  const auto wanted = static_cast<int64_t>(std::nearbyint(static_cast<double>(ids.size()) * probability));
  const int64_t budget = std::min(kMost, std::max<int64_t>(1, wanted));
  int64_t taken = 0;
  for (const TokenRange& word : words) {
    if (taken >= budget) break;
    if (taken + word.end - word.begin > budget) continue;
    taken += word.end - word.begin;
    for (int32_t t = word.begin; t < word.end; ++t)
      chosen[static_cast<size_t>(t)] = !vocabulary.is_special(ids[static_cast<size_t>(t)]);
  }
}

}  // namespace tekio
