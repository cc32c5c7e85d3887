// From counted words to a byte-level vocabulary with its merges, as the reference's trainer makes them: special tokens,
// the characters of all bytes by code point, then tokens merged from frequent pairs.
#pragma once

#include <tekio/tokenizer.h>
#include <vector>

#include "base/thread_pool.h"
#include "text/count_table.h"
#include "text/models/merge_table.h"
#include "text/vocabulary.h"

namespace tekio {

struct TrainedBpe {
  Vocabulary vocabulary;
  std::vector<MergeTable::Pair> merges;  // by rank
};

/// `words`: every distinct word, as bytes, in one of the tables. Errors: input (too many distinct words).
TrainedBpe train_bpe(const std::vector<CountTable>& words, const BpeOptions& options, ThreadPool& pool);

}  // namespace tekio
