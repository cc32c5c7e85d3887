// A corpus's words become a byte-level vocabulary with its merges.
#include <tekio/dataset.h>

#include "data/count_words.h"
#include "text/bpe_trainer.h"
#include "text/byte_word_counter.h"
#include "text/roberta_tokenizer.h"

namespace tekio {

TrainedTokenizer train_byte_level_bpe(const Dataset& dataset, const BpeOptions& options) {
  check(options);
  int64_t rows = 0;
  std::vector<ByteWordCounter> counters =
      count_words(DatasetSource::of(dataset), ByteWordCounter(normalizer_of(options), options.add_prefix_space),
                  options.threads, rows);
  ThreadPool pool(options.threads);
  const std::vector<CountTable> words = distinct_words(std::move(counters), pool);
  const WordTotals totals = totals_of(words, rows);
  TrainedBpe trained = train_bpe(words, options, pool);
  Bpe model(std::move(trained.vocabulary), std::move(trained.merges), Bpe::Options{.prefix = "", .suffix = ""});
  return {roberta_tokenizer(std::move(model), options), rows, totals.occurrences, totals.distinct};
}

}  // namespace tekio
