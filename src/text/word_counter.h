// Counts the words of a corpus, as a normalizer and a pre-tokenizer cut it. What is counted while text passes by is
// regions (see RegionScanner and SpaceScanner), by their bytes as they are; a region's words depend on those alone, so
// each distinct one is normalized and cut once, at the end. One counter a thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/count_table.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/region_scanner.h"
#include "text/space_scanner.h"

namespace tekio {

template <typename Scanner>
class RegionWordCounter {
 public:
  /// Counts the words of a text. Valid UTF-8, at most INT32_MAX bytes. Errors: input (a longer text; a region longer
  /// than the counter takes).
  void add(std::string_view text);
  /// Adds all words that were counted to those of `parts` that they belong to.
  void distribute(std::vector<CountList>& parts);

 protected:
  /// What of a region of ASCII letters and digits alone is known without cutting it: nothing, or that it is one word.
  enum class Plain { cut, one_word };
  RegionWordCounter(Normalizer normalizer, PreTokenizer pre_tokenizer, Scanner scanner, Plain plain, size_t longest)
      : normalizer_(std::move(normalizer)),
        pre_tokenizer_(std::move(pre_tokenizer)),
        lowercases_(normalizer_.lowercases()),
        plain_(plain),
        longest_(longest),
        scanner_(std::move(scanner)) {}

 private:
  template <typename Use>
  void cut(std::string_view region, Use&& use);

  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  bool lowercases_;
  Plain plain_;
  size_t longest_;  // bytes of a region
  Scanner scanner_;
  CountTable regions_, words_;  // words_: of regions too long to be met again

  AlignedText characters_;
  PreTokenizedText split_;
  std::string word_;
};

/// As BERT's normalizer and pre-tokenizer cut.
class WordCounter : public RegionWordCounter<RegionScanner> {
 public:
  explicit WordCounter(const BertNormalization& normalization)
      : RegionWordCounter(Normalizer({normalization}), PreTokenizer({BertPreTokenization{}}), {}, Plain::one_word,
                          SIZE_MAX) {}
};

/// As the pre-tokenizer of XLM-RoBERTa's kind cuts: what stands between white space, each with a visible space before
/// it. The normalizer looks at nothing beyond white space. What is longer than kLongest bytes is refused: while a
/// vocabulary is trained, all ways to spell a word take some hundreds of times its memory.
class UnigramWordCounter : public RegionWordCounter<SpaceScanner> {
 public:
  static constexpr size_t kLongest = size_t{1} << 20;

  UnigramWordCounter(Normalizer normalizer, PreTokenizer pre_tokenizer)
      : RegionWordCounter(std::move(normalizer), std::move(pre_tokenizer),
                          SpaceScanner(SpaceScanner::Regions::between_white_space), Plain::cut, kLongest) {}
};

}  // namespace tekio
