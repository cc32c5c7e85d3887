// What a Dataset is inside: files, and which of their rows in which order. Rows are streamed as blocks of raw records;
// nothing is kept.
#pragma once

#include <tekio/dataset.h>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/block.h"
#include "data/formats/format.h"
#include "data/layout.h"

namespace tekio {

/// How many rows there are.
struct RowCount {
  int64_t rows = 0, bytes = 0;  ///< as Files::rows() and row_bytes()
  int64_t skipped = 0;          ///< left out, as BadRows::skip says
};

/// The files of one split, in the order of their rows.
class Files {
 public:
  /// What was asked for, as messages name it; its files are of one kind and share their columns.
  struct Group {
    std::string spec;
    FileKind kind = FileKind::text;
    std::optional<ReadOptions> options = std::nullopt;  ///< for what its source says of its files
  };
  /// Brings files here that are not yet. Errors: io.
  using Fetch = std::function<void()>;

  Files(std::vector<DataFile> files, std::vector<Group> groups, ReadOptions options, std::vector<Fetch> fetches = {});

  /// The files, which lie here only after fetch().
  const std::vector<DataFile>& list() const { return files_; }
  /// Called by all that opens them or asks the system for them: what is on the Hub is fetched, the first time. Errors:
  /// io.
  void fetch() const;
  const ReadOptions& options() const { return options_; }
  const ReadOptions& options(size_t group) const { return groups_[group].options ? *groups_[group].options : options_; }
  size_t groups() const { return groups_.size(); }
  const Group& group(size_t number) const { return groups_[number]; }
  const RowFormat& format(size_t group) const { return *formats_[group]; }
  /// Read once, then remembered.
  const Head& head(size_t group) const;
  /// The same, or as much of it as it takes to meet the text column. Where a file names its columns before its rows,
  /// all are there.
  const Head& beginning(size_t group) const;
  /// Of the head.
  const std::vector<std::string>& columns(size_t group) const;
  /// Rows of all files; counted once.
  int64_t rows() const;
  /// The same, but at most `most`: no more of the files is read than it takes to know.
  int64_t rows_up_to(int64_t most) const;
  /// Bytes of all rows, unpacked (of tables of columns: of what is text in them); known with rows().
  int64_t row_bytes() const;
  uint64_t packed_bytes() const;  ///< as the files lie on disk
  /// "FILE:LINE" of a record, or "FILE, row N" where files have no lines; for messages.
  std::string where(const Record& record) const;

  /// Rows that BadRows::skip leaves out; known with rows(), or remembered.
  int64_t skipped_rows() const;
  /// The same, where no file need be read for it.
  std::optional<int64_t> known_skipped_rows() const;
  /// Notes what a store knows of these files as they are.
  void remember_skipped_rows(int64_t count) const;
  /// Refuses a row without a text, which has `why`: tells the file's first such row and how many of its rows are so.
  [[noreturn]] void fail_without_text(const Record& record, const std::string& why) const;

  struct TextColumn {
    std::string name;
    std::vector<std::string> path;  ///< keys from the outside inwards; of a table: the name alone
    size_t index = 0, columns = 0;  ///< of the columns of a table's header
  };
  /// The column that holds a group's text, as Dataset::text_column() says. Reads no more of the files than it takes to
  /// know. nullopt: the group has no rows. Errors: input (no such column, none or several with strings).
  std::optional<TextColumn> text_column(size_t group) const;
  /// Refuses a file that is one JSON document, whose rows are the elements of a list in it; warns of a table whose
  /// first line looks like a text. Neither where --text_column_name says that it is meant so. Errors: input.
  void check_head(size_t group) const;

 private:
  bool observe_file(size_t file, bool whole, Head& head) const;
  const Head& observe(size_t group, bool whole) const;
  const RowCount& count() const;
  RowCount count_file(size_t file, int64_t most) const;
  bool is_elsewhere(size_t file) const;
  std::shared_ptr<const FileEnd> end_of(size_t file) const;
  DataFile with_end(size_t file, std::shared_ptr<const FileEnd>& end) const;
  struct Told {
    uint64_t bytes = 0;  ///< of files that are not here yet
    std::optional<RowFormat::Count> count;
  };
  Told told(size_t file) const;
  void ask_ends() const;

  const std::vector<DataFile> files_;
  const ReadOptions options_;
  const std::vector<Group> groups_;
  const std::vector<Fetch> fetches_;
  mutable std::once_flag fetched_;
  mutable std::mutex ends_mutex_;
  mutable std::pair<size_t, std::shared_ptr<const FileEnd>> last_end_;   // of a file that is not here yet
  mutable std::map<size_t, Told> told_;                                  // by such files' ends
  std::vector<std::unique_ptr<const RowFormat>> formats_;                // by group
  mutable std::mutex mutex_;                                             // never held while files are read
  mutable std::vector<std::unique_ptr<const Head>> heads_, beginnings_;  // whole ones; as much as was needed
  mutable std::unique_ptr<const RowCount> count_;
  mutable std::optional<int64_t> skipped_rows_;

  /// The rows without a text of one file, as far as it was read for it.
  struct Survey {
    Record first;
    std::string why;  ///< what the first one has instead
    int64_t bad = 0, rows = 0;
  };
  Survey survey(const Record& met, const std::string& why) const;
  std::string other_column(size_t group, const std::string& than) const;
  std::optional<TextColumn> word_column(size_t group) const;
  void refuse_document(size_t group, const std::string& spec) const;
  mutable std::once_flag header_told_;
  mutable std::mutex survey_mutex_;
  mutable std::map<int32_t, Survey> surveys_;  // by file
};

class CountedFile;
class RecordParser;

/// Streams the records of files, one file after the other.
class BlockReader {
 public:
  /// Files [first, last) of `files`, of whose rows `columns` are wanted. `as_they_are`: neither are headers compared
  /// nor rows left out.
  BlockReader(const Files& files, size_t first, size_t last, Columns columns, bool as_they_are = false);
  ~BlockReader();
  /// About Block::kBytes of records of one group, more where one record is longer; they may be pending. False after the
  /// last.
  /// Errors: those of RowStream; input (other columns than the group's).
  bool next(Block& block);
  uint64_t consumed() const;                                          ///< bytes of the files read so far
  int64_t skipped() const { return skipped_; }                        ///< rows left out so far, as BadRows::skip says
  const std::vector<std::string>& header() const { return header_; }  ///< of the table met last; empty: none

 private:
  bool leaves_out_bad() const;
  void check_header();
  void leave_out_bad(Block& block, size_t first);

  const Files& files_;
  size_t next_, last_;
  const Columns columns_;
  const bool as_they_are_;
  std::unique_ptr<RowStream> stream_;
  std::vector<std::string> header_;
  bool header_checked_ = false;
  uint64_t consumed_ = 0;
  int64_t skipped_ = 0;
  std::unique_ptr<RecordParser> parser_;  // tells which rows have no text
  std::unique_ptr<CountedFile> counted_;  // of the file at hand, where this reader parses all its rows
  RowCount count_;                        // of its rows
};

struct DatasetSource {
  static const DatasetSource& of(const Dataset& dataset) { return *dataset.source_; }
  static Dataset wrap(std::shared_ptr<const DatasetSource> source) { return Dataset(std::move(source)); }

  std::shared_ptr<const Files> files;
  int64_t begin = 0, end = -1;                         ///< rows of the files, where `picked` is absent; end -1: all
  std::shared_ptr<const std::vector<int64_t>> picked;  ///< else these rows, in this order

  int64_t size() const;
  /// Row of the files that is this source's row i.
  int64_t file_row(int64_t i) const { return picked ? (*picked)[static_cast<size_t>(i)] : begin + i; }
  static std::shared_ptr<const DatasetSource> pick(const DatasetSource& from, std::vector<int64_t> rows);
};

/// Streams a source's rows in its order. Picked rows are gathered, as many at a time as fit kGatherBytes, by one pass
/// over the files each: packed files cannot be entered in the middle, and a corpus may be larger than memory.
class SourceReader {
 public:
  static constexpr int64_t kGatherBytes = int64_t{256} << 20;

  SourceReader(const DatasetSource& source, Columns columns, int64_t gather_bytes = kGatherBytes);
  /// Errors: as BlockReader; input (files that changed since their rows were counted).
  bool next(Block& block);
  /// The same, but rows may be pending.
  bool next_pending(Block& block);
  double progress() const;  ///< [0, 1]

 private:
  bool next_streamed(Block& block);
  bool next_gathered(Block& block);
  void gather();
  bool try_gather(int64_t count);

  const DatasetSource& source_;
  const Columns columns_;
  int64_t gather_bytes_;
  uint64_t packed_bytes_;
  std::unique_ptr<BlockReader> reader_;
  int64_t row_ = 0;                                              // streamed: number of the next row of the files
  int64_t gathered_begin_ = 0, gathered_end_ = 0, emitted_ = 0;  // picked: rows of the source
  Block gathered_;
};

}  // namespace tekio
