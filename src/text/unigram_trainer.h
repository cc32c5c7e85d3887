// From counted words to a Unigram vocabulary with its scores, as the reference's trainer makes them: many pieces to
// begin with, their frequencies estimated by expectation and maximization, those that the words would miss least taken
// out, again and again.
#pragma once

#include <tekio/tokenizer.h>
#include <vector>

#include "base/thread_pool.h"
#include "text/count_table.h"
#include "text/models/unigram.h"

namespace tekio {

/// `words`: every distinct word, valid UTF-8, in one of the tables. Equal words and options give equal scores to the
/// last bit, whatever the number of threads. Unlike the reference's, the result has no piece that is a special token
/// besides, and no more entries than vocab_size unless special tokens and characters alone are more. Errors: input (the
/// vocabulary has no room for every character; too many bytes of distinct words).
Unigram train_unigram(const std::vector<CountTable>& words, const UnigramOptions& options, ThreadPool& pool);

}  // namespace tekio
