// A corpus's words become a Unigram vocabulary with its scores.
#include <tekio/dataset.h>

#include "data/count_words.h"
#include "text/unigram_trainer.h"
#include "text/word_counter.h"
#include "text/xlm_roberta_tokenizer.h"

namespace tekio {

TrainedTokenizer train_unigram(const Dataset& dataset, const UnigramOptions& options) {
  check(options);
  int64_t rows = 0;
  std::vector<UnigramWordCounter> counters =
      count_words(DatasetSource::of(dataset), UnigramWordCounter(normalizer_of(options), xlm_roberta_pre_tokenizer()),
                  options.threads, rows);
  ThreadPool pool(options.threads);
  const std::vector<CountTable> words = distinct_words(std::move(counters), pool);
  const WordTotals totals = totals_of(words, rows);
  return {xlm_roberta_tokenizer(train_unigram(words, options, pool), options), rows, totals.occurrences,
          totals.distinct};
}

}  // namespace tekio
