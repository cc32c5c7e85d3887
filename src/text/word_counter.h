// Counts the words of a corpus, as BERT's normalizer and pre-tokenizer cut it. What is counted while text passes by is
// regions (see RegionScanner), by their bytes as they are; a region's words depend on those alone, so each distinct
// one is normalized and cut once, at the end. One counter a thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/count_table.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/region_scanner.h"

namespace tekio {

class WordCounter {
 public:
  explicit WordCounter(const BertNormalization& normalization);

  /// Counts the words of a text. Valid UTF-8, at most INT32_MAX bytes.
  void add(std::string_view text);
  /// Adds all words that were counted to those of `parts` that they belong to.
  void distribute(std::vector<CountList>& parts);

 private:
  template <typename Use>
  void cut(std::string_view region, Use&& use);

  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  bool lowercases_;
  RegionScanner scanner_;
  CountTable regions_, words_;  // words_: of regions too long to be met again

  AlignedText characters_;
  PreTokenizedText split_;
  std::string word_;
};

}  // namespace tekio
