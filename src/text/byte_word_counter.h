// Counts the words of a corpus, as the pre-tokenizer of byte-level vocabularies cuts it. One counter a thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/byte_level_scanner.h"
#include "text/count_table.h"
#include "text/normalizer.h"

namespace tekio {

class ByteWordCounter {
 public:
  ByteWordCounter(Normalizer normalizer, bool add_prefix_space)
      : normalizer_(std::move(normalizer)), adds_space_(add_prefix_space) {}

  /// Counts the words of a text, as bytes. Valid UTF-8, at most INT32_MAX bytes.
  void add(std::string_view text);
  /// Adds all words that were counted to those of `parts` that they belong to.
  void distribute(std::vector<CountList>& parts) const;

 private:
  Normalizer normalizer_;
  bool adds_space_;
  ByteLevelScanner scanner_;
  CountTable words_;
  std::string normalized_, with_space_;
};

}  // namespace tekio
