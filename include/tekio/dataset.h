// Text data: rows from files, and the chunks of tokens that a masked language model is trained on.
//
//   auto imdb = tekio::load_dataset("imdb");                        // of the Hub; splits: train, test, unsupervised
//   for (auto& row : imdb["train"].shuffle(42).take(3)) use(row.text());
//   auto chunks = tekio::chunk(imdb["train"], tokenizer, {.chunk_size = 128});
//   auto [train, test] = chunks.train_test_split({.train_size = 10'000, .test_size = 1'000, .seed = 42});
#pragma once

#include <tekio/tokenizer.h>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct ArrowArrayStream;  // of the Arrow C stream interface

namespace tekio {

// What Dataset and Chunks are inside.
struct DatasetSource;
struct ChunksView;

enum class BadRows { stop, skip };
enum class SampleBy { line, paragraph, document };
/// What the text column holds. text: texts, whose words are the tokenizer's to find. list: a list of words a row (of
/// JSON, Parquet or Arrow files). separated: texts that ReadOptions::word_separator cuts into words.
enum class Words { text, list, separated };

/// How rows are read. Which rows there are follows from it, for everything that is done with a dataset.
struct ReadOptions {
  /// The column that holds the text: exactly this one, or a path into objects ("note.text"). Empty: "text", else the
  /// only column that holds strings.
  std::string text_column;
  /// Given words are tokenized one by one, as the reference does it with is_split_into_words=True, and are the words
  /// that whole-word and span masking take.
  Words words = Words::text;
  std::string word_separator;  ///< with Words::separated; empty: any white space, of any length
  /// Rows of JSON files are the elements of the list under this key, or path of keys ("export.records"), of one
  /// document. Empty: a row is a line, or an element of one array.
  std::string json_field;
  char csv_separator = '\0';  ///< '\0': recognised from a table's header and first records
  bool header = true;         ///< a table's first record names its columns; else they are column0, column1, …
  std::vector<std::string> column_names;  ///< of tables without a header, one a column; not empty: there is none
  std::string encoding = "utf-8";
  /// Rows whose text is null, missing or not a string (not a list of strings): an error (what is wrong with the first
  /// one, and how many there are), or left out wherever rows are counted, picked or read.
  BadRows bad_rows = BadRows::stop;
  SampleBy sample_by = SampleBy::line;  ///< what a row of a text file is; paragraphs are split by empty lines
  /// Of a dataset of the Hub: which of its configurations, if it has several; which branch, tag or commit, where its
  /// name is without "@…" (empty: main).
  std::string config_name, revision;
};

/// One row: its columns in the source's order; values as JSON text ("\"a review\"", "1", "null"); typed ones of
/// Parquet files as docs/data.md says.
struct Row {
  std::vector<std::pair<std::string, std::string>> columns;
  /// A string column's text. Errors: input (no such column, or not a string).
  std::string text(std::string_view column = "text") const;
};

/// One split of a dataset: its rows are read from the files whenever they are asked for and never kept, or are in
/// memory already. Copies are cheap.
class Dataset {
 public:
  /// Rows in memory, a text each, in one column, "text". Errors: input, when they are read (a text that is not UTF-8).
  static Dataset from_texts(const std::vector<std::string>& texts);
  /// Rows in memory that an Arrow stream of tables hands over
  /// (https://arrow.apache.org/docs/format/CStreamInterface.html); it is taken over, and nothing it gives is copied:
  /// what it came from may be gone, but must not be written to. Of `options` those of the text column, of words and of
  /// bad rows count. Errors: input (no table; the stream fails).
  static Dataset from_arrow(ArrowArrayStream* stream, const ReadOptions& options = {});

  int64_t size() const;                      ///< rows; counted on first use, then remembered
  std::vector<std::string> columns() const;  ///< names, in the source's order
  uint64_t bytes() const;                    ///< of the files as they lie on disk
  /// The column that chunk() takes text from, as ReadOptions::text_column says; empty: there are no rows. Where data
  /// was put together from several sources, the first one's. Errors: input (no such column, or none is named and it is
  /// not clear; the message lists the columns with the mean lengths of their strings, and proposes one).
  std::string text_column() const;
  /// Rows of the files that BadRows::skip left out; counted with size().
  int64_t skipped_rows() const;

  /// The reference's shuffle(seed): numpy's PCG64 permutation, bit for bit.
  Dataset shuffle(uint64_t seed) const;
  /// Rows by number, in this order; duplicates allowed. Errors: usage (a number out of range).
  Dataset select(std::vector<int64_t> rows) const;
  /// Rows [begin, end).
  Dataset slice(int64_t begin, int64_t end) const;
  /// The first `count` rows (fewer if there are fewer), read into memory.
  std::vector<Row> take(int64_t count) const;
  /// Calls `use` with every row in order, streaming.
  void for_each(const std::function<void(const Row&)>& use) const;

 private:
  friend struct DatasetSource;
  explicit Dataset(std::shared_ptr<const DatasetSource> source);
  std::shared_ptr<const DatasetSource> source_;
};

/// Splits by name, in the source's order.
class DatasetDict {
 public:
  explicit DatasetDict(std::vector<std::pair<std::string, Dataset>> splits, std::vector<std::string> specs = {})
      : splits_(std::move(splits)), specs_(std::move(specs)) {}
  /// Errors: input (no such split; the message names those there are).
  const Dataset& operator[](std::string_view split) const;
  bool contains(std::string_view split) const;
  const std::vector<std::pair<std::string, Dataset>>& splits() const { return splits_; }
  /// What was opened, by specs that open the same again: names on the Hub with the commits that they meant.
  const std::vector<std::string>& specs() const { return specs_; }

 private:
  std::vector<std::pair<std::string, Dataset>> splits_;
  std::vector<std::string> specs_;
};

/// Opens files, folders of files, the Large Movie Review Dataset's folder (.txt .jsonl .json .csv .tsv, also .gz and
/// .zst; .parquet and .arrow, where this build has Arrow C++), or a dataset of the Hub by its name ("imdb",
/// "org/name@v2"), whose files are fetched into the Hub's cache when a split is first read. "SPEC:SPLIT" picks a split,
/// "SPEC:train[:10%]" some of its rows, "SPEC:train[:100]+train[-100:]" both. Several specs are concatenated split by
/// split. Errors: io (neither here nor on the Hub), input (unknown kind of file, malformed line: file and line number),
/// usage (no such slice).
DatasetDict load_dataset(const std::vector<std::string>& specs, const ReadOptions& options = {});
inline DatasetDict load_dataset(const std::string& spec, const ReadOptions& options = {}) {
  return load_dataset(std::vector<std::string>{spec}, options);
}

struct SplitOptions {
  int64_t train_size = 0;  ///< 0: what test_size leaves
  int64_t test_size = 0;   ///< 0: what train_size leaves
  uint64_t seed = 42;
};

/// What Chunks::word_ids() numbers. tokenizer: its words. offsets: tokens without a gap between them in the text, which
/// is what WholeWordRule::offsets takes for words.
enum class WordBounds { tokenizer, offsets };

struct ChunkOptions {
  int64_t chunk_size = 128;   ///< tokens per chunk
  bool line_by_line = false;  ///< each non-empty row is one sequence, cut at chunk_size, instead of fixed blocks
  WordBounds words = WordBounds::tokenizer;
  bool use_cache = true;  ///< keep the token store under the cache folder and reuse it
  int threads = 0;        ///< 0: all processors; the result does not depend on it
};

/// Sequences of tokens that were cut elsewhere, one after another.
struct TokenSequences {
  std::span<const int32_t> input_ids;      ///< of all sequences
  std::span<const int64_t> ends;           ///< where each ends among them, ascending
  std::span<const int32_t> word_ids = {};  ///< as many as input_ids, as Chunks::word_ids() gives them; or none, where a
                                           ///< token is a word
};

/// Blocks of tokens over a memory-mapped token store: cut as the reference does (rows in batches of 1,000, each batch's
/// tokens joined and cut into blocks, its remainder dropped). A view; copies are cheap.
class Chunks {
 public:
  /// Each sequence is a chunk; what is masked and trained on are exactly these tokens. They are written to a file
  /// without a name in the folder for temporary files. Errors: usage (an empty sequence, ends that do not fit), input
  /// (a negative id), io.
  static Chunks from_sequences(const TokenSequences& sequences);

  int64_t size() const;
  int64_t chunk_size() const;
  /// Ids of chunk i; exactly chunk_size() of them, or fewer where line_by_line.
  std::vector<int32_t> ids(int64_t i) const;
  /// The word that each token of chunk i belongs to within its text, as ChunkOptions::words says; Encoding::kNoWord for
  /// template tokens.
  std::vector<int32_t> word_ids(int64_t i) const;

  struct Split;
  /// The reference's train_test_split(seed): test is the permutation's first part, train the next. Errors: usage (sizes
  /// exceed size()).
  Split train_test_split(const SplitOptions& options) const;
  Chunks select(std::vector<int64_t> chunks) const;

  /// The chunks of the dataset's rows [begin, end) alone, all of them: what chunk(dataset.slice(begin, end)) gives,
  /// without reading anything again. Errors: usage (not 0 <= begin <= end <= source_rows()), input (no word in them).
  Chunks of_rows(int64_t begin, int64_t end) const;

  int64_t rows() const;         ///< texts that chunks are cut from, whichever of these are selected
  int64_t tokens() const;       ///< their tokens, before remainders are dropped
  int64_t source_rows() const;  ///< rows of the dataset that was tokenized; line_by_line leaves the blank ones out

 private:
  friend struct ChunksView;
  explicit Chunks(std::shared_ptr<const ChunksView> view);
  std::shared_ptr<const ChunksView> view_;
};
struct Chunks::Split {
  Chunks train, test;
};

/// Tokenizes a split once (a file in the cache folder, reused when the same) and cuts it into chunks.
/// Errors: input (no text in it), io (cache folder not writable).
Chunks chunk(const Dataset& dataset, const Tokenizer& tokenizer, const ChunkOptions& options = {});

/// A trained tokenizer, and what it was trained on.
struct TrainedTokenizer {
  Tokenizer tokenizer;
  int64_t rows = 0, words = 0, distinct_words = 0;
};

/// Trains a WordPiece vocabulary on a split, as the reference's BertWordPieceTokenizer does; folders of its tokenizer
/// open with AutoTokenizer. Equal data and options give equal ids, whatever the order of rows and the number of
/// threads. Errors: usage (options that make no sense), input (no word in the data; damaged rows).
TrainedTokenizer train_word_piece(const Dataset& dataset, const WordPieceOptions& options = {});

/// The same of a byte-level BPE, as the reference's ByteLevelBPETokenizer does it row by row: equal vocabulary, equal
/// merges.
TrainedTokenizer train_byte_level_bpe(const Dataset& dataset, const BpeOptions& options = {});

/// The same of a Unigram vocabulary, as the reference's UnigramTrainer does it on what stands between white space:
/// equal pieces, scores equal but for rounding; where the reference goes by the order of a hash table, code points
/// count. Errors also: input (more characters than vocab_size).
TrainedTokenizer train_unigram(const Dataset& dataset, const UnigramOptions& options = {});

}  // namespace tekio
