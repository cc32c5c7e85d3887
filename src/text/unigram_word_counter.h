// Counts the words of a corpus, as the pre-tokenizer of XLM-RoBERTa's kind cuts it: what stands between white space,
// each with a visible space before it. One counter a thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/count_table.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/space_scanner.h"

namespace tekio {

class UnigramWordCounter {
 public:
  /// The normalizer looks at nothing beyond white space.
  UnigramWordCounter(Normalizer normalizer, PreTokenizer pre_tokenizer)
      : normalizer_(std::move(normalizer)), pre_tokenizer_(std::move(pre_tokenizer)) {}

  /// Counts the words of a text. Valid UTF-8, at most INT32_MAX bytes.
  void add(std::string_view text);
  /// Adds all words that were counted to those of `parts` that they belong to.
  void distribute(std::vector<CountList>& parts);

 private:
  template <typename Use>
  void cut_region(std::string_view region, Use&& use);

  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  SpaceScanner scanner_{SpaceScanner::Regions::between_white_space};
  CountTable regions_, words_;  // words_: of regions too long to be met again

  AlignedText characters_;
  PreTokenizedText split_;
  std::string word_;
};

}  // namespace tekio
