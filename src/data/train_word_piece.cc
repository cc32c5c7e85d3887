// A corpus's words become a WordPiece vocabulary.
#include <tekio/dataset.h>

#include "data/count_words.h"
#include "text/bert_tokenizer.h"
#include "text/word_counter.h"
#include "text/word_piece_trainer.h"

namespace tekio {

TrainedTokenizer train_word_piece(const Dataset& dataset, const WordPieceOptions& options) {
  check(options);
  int64_t rows = 0;
  std::vector<WordCounter> counters =
      count_words(DatasetSource::of(dataset), WordCounter(normalization_of(options)), options.threads, rows);
  ThreadPool pool(options.threads);
  const std::vector<CountTable> words = distinct_words(std::move(counters), pool);
  const WordTotals totals = totals_of(words, rows);
  return {bert_tokenizer(train_vocabulary(words, options, pool), options), rows, totals.occurrences, totals.distinct};
}

}  // namespace tekio
