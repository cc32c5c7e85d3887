// What a kind of file is to the rest of the room: how its rows come off the disk (one thread, in order) and what a row
// says (any thread). A further kind is one file here and one row in the table of formats.cc.
#pragma once

#include <tekio/dataset.h>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/block.h"
#include "data/layout.h"

namespace tekio {

class Files;

/// What the beginning of a group's first file that has rows tells: the first 10 MiB, as in the reference's readers.
struct Head {
  struct Values {
    int64_t strings = 0, others = 0;  ///< how many; others: neither strings nor null
    int64_t lists_of_strings = 0;     ///< of the others
    int64_t characters = 0;           ///< of the strings
    std::string type;                 ///< what it holds, where the kind of file says so: "lists of strings"
    double mean_length() const {
      return strings == 0 ? 0 : static_cast<double>(characters) / static_cast<double>(strings);
    }
  };
  struct Nested {
    std::vector<std::string> path;  ///< keys from the outside inwards
    Values values;
    std::string name() const;  ///< "note.text"
  };
  std::vector<std::string> columns;  ///< in order of first appearance
  std::vector<Values> values;        ///< of the columns
  std::vector<Nested> nested;        ///< strings, and lists of strings, within objects
  std::vector<std::string> lists;    ///< paths of lists of objects or strings within rows
  bool lists_texts = false;          ///< one of them is of objects that hold strings
  int64_t rows = 0;

  /// Of a kind of file whose columns are always these, the first one being the text.
  static Head of_names(std::vector<std::string> names);
  /// Keeps the columns and forgets the rows.
  void set_columns(std::vector<std::string> names);
};

/// Stands between the words of a row's text where a column of lists is read (Words::list): no UTF-8 has this byte.
constexpr char kWordMark = '\xFF';

/// What is wanted of rows: find_text() needs the one, row() and observe() the other.
enum class Columns : uint8_t { text, all };

/// A file's rows as blocks of records. A record's bytes are whatever the format's own parser understands.
class RowStream {
 public:
  virtual ~RowStream() = default;
  /// Appends about Block::kBytes more of records, at least one unless the file holds none there, or makes them the
  /// block's pending rows (which is then empty but for them); false after the last.
  /// Errors: io, input (damaged, a record longer than Block::kRecordLimit).
  virtual bool append(Block& block) = 0;
  /// Bytes of the file read so far.
  virtual uint64_t consumed() const = 0;
  /// The columns that the file names before its rows (a table's header), once they were met; else nullptr.
  virtual const std::vector<std::string>* header() const { return nullptr; }
};

/// Understands the records of one group of files. One a thread.
class RowParser {
 public:
  RowParser(const Files& files, size_t group) : files_(files), group_(group) {}
  virtual ~RowParser() = default;

  /// Finds the row's text, valid UTF-8 (of a column of lists: its words, kWordMark between them); a view that holds
  /// until the next call. False where there is none (null, missing, not a string): `why` says what there is. Errors:
  /// input (malformed; FILE:LINE).
  virtual bool find_text(const Block& block, const Record& record, std::string_view& text, std::string& why) = 0;
  /// All columns: the group's, null where the row lacks one, then those that only this row has. Errors: input.
  virtual Row row(const Block& block, const Record& record) = 0;
  /// Adds a record's columns and their values to a head. Errors: input.
  virtual void observe(const Block& block, const Record& record, Head& head) = 0;

 protected:
  [[noreturn]] void fail_at(const Record& record, const std::string& what) const;
  /// The record's bytes. Errors: input (not UTF-8, or with NUL).
  std::string_view utf8(const Block& block, const Record& record) const;

  const Files& files_;
  const size_t group_;
};

class RowFormat {
 public:
  virtual ~RowFormat() = default;
  /// Opens number `file` of `files`, of whose rows `columns` are wanted. Errors: as RowStream::append; io.
  virtual std::unique_ptr<RowStream> open(const Files& files, size_t file, Columns columns) const = 0;
  virtual std::unique_ptr<RowParser> parser(const Files& files, size_t group) const = 0;
  /// The head of a file, where all of its kind have the same, or where a part of the file says it; `whole`: also how
  /// long the strings are. nullopt where its rows must be read for it. Errors: io, input.
  virtual std::optional<Head> head([[maybe_unused]] const DataFile& file, [[maybe_unused]] bool whole) const {
    return std::nullopt;
  }
  struct Count {
    int64_t rows = 0, bytes = 0;  ///< bytes: of their text, as far as is known
  };
  /// How many rows a file has, where a part of the file says it. Errors: io, input.
  virtual std::optional<Count> count([[maybe_unused]] const DataFile& file) const { return std::nullopt; }
  /// Whether records are stretches of a text file, so UTF-8 and found by their lines.
  virtual bool rows_are_lines() const { return true; }
  /// Whether every value is text, whatever it looks like (tables).
  virtual bool values_are_text() const { return false; }
};

std::unique_ptr<const RowFormat> make_format(FileKind kind, const ReadOptions& options);
/// The kind that a file name's ending says (".csv", in small letters).
std::optional<FileKind> kind_of_ending(std::string_view ending);

// The kinds, each in the file of its name; the table calls them.
std::unique_ptr<const RowFormat> lines_format(const ReadOptions& options);
std::unique_ptr<const RowFormat> json_format(const ReadOptions& options);
std::unique_ptr<const RowFormat> csv_format(const ReadOptions& options);
std::unique_ptr<const RowFormat> tsv_format(const ReadOptions& options);
std::unique_ptr<const RowFormat> review_format(const ReadOptions& options);
std::unique_ptr<const RowFormat> columnar_format(const ReadOptions& options);
std::unique_ptr<const RowFormat> memory_format(const ReadOptions& options);

/// Code points of valid UTF-8.
int64_t count_characters(std::string_view text);
/// A text as a JSON string.
std::string json_quoted(std::string_view text);

}  // namespace tekio
