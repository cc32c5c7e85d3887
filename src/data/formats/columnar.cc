// Parquet and Arrow files: tables of columns, in groups of rows. The reading thread hands groups out; who uses their
// rows decodes them, so that several are decoded at once and what is left out is never decoded. Groups that are too
// large to be held are decoded here, piece by piece, and their pieces handed out.
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "data/formats/arrow_module.h"
#include "data/formats/columnar_head.h"
#include "data/source.h"

namespace tekio {
namespace {

constexpr int64_t kGroupBytes = int64_t{8} << 20, kGroupRows = 20'000;  // a group of more is read piece by piece
constexpr int64_t kPieceBytes = int64_t{1} << 20, kPieceRows = 4096;

// What a row is as a record's bytes. Its text: kText and the text, or kNull. All columns: kColumns and parts, each with
// its size before it: the row's text as above (nothing where it is not wanted), then names and JSON values by turns.
constexpr char kText = 't', kNull = 'n', kColumns = 'c';

void append_part(std::string_view part, std::string& out) {
  const auto size = static_cast<uint32_t>(part.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size).append(part);
}

std::string_view take_part(std::string_view& parts) {
  uint32_t size = 0;
  TEKIO_CHECK(parts.size() >= sizeof size, "{}", parts.size());
  std::memcpy(&size, parts.data(), sizeof size);
  parts.remove_prefix(sizeof size);
  TEKIO_CHECK(parts.size() >= size, "{} {}", parts.size(), size);
  const std::string_view part = parts.substr(0, size);
  parts.remove_prefix(size);
  return part;
}

/// What is wanted of a file's rows.
struct Wanted {
  std::optional<std::vector<std::string>> text;  ///< the text column's keys
  bool words = false;                            ///< it holds lists of words
  bool all_columns = false;

  std::vector<std::string> column() const { return all_columns ? std::vector<std::string>() : text.value(); }
};

/// Puts rows of batches into blocks.
class RowWriter {
 public:
  RowWriter(const ArrowType& table, const Wanted& wanted, Block& block)
      : table_(table), wanted_(wanted), block_(block) {
    if (wanted.text) TEKIO_CHECK(ArrowPath::find(table, *wanted.text, path_), "{}", fmt::join(*wanted.text, "."));
  }

  void write(const ArrowArray& batch, int64_t row, Record& record) {
    record.begin = block_.size;
    if (!wanted_.all_columns) {
      write_text(batch, row);
    } else {
      row_.assign(1, kColumns);
      append_columns(batch, row);
      block_.append(row_);
    }
    record.size = block_.size - record.begin;
    if (record.size > Block::kRecordLimit)
      fail(ErrorKind::input, "a row of more than {} MiB", Block::kRecordLimit >> 20);
  }

 private:
  std::optional<std::string_view> text(const ArrowArray& batch, int64_t row) {
    const ArrowArray* array = nullptr;
    if (!path_.at(batch, row, array)) return std::nullopt;
    if (!wanted_.words) return arrow_text(path_.type(), *array, row);
    words_.clear();
    if (!append_words(path_.type(), *array, row, words_)) return std::nullopt;
    return words_;
  }

  void write_text(const ArrowArray& batch, int64_t row) {
    const auto found = text(batch, row);
    block_.append({found ? &kText : &kNull, 1});
    if (found) block_.append(*found);
  }

  void append_columns(const ArrowArray& batch, int64_t row) {
    value_.clear();
    if (wanted_.text) {
      const auto found = text(batch, row);
      value_.assign(1, found ? kText : kNull).append(found.value_or(""));
    }
    append_part(value_, row_);
    for (size_t i = 0; i < table_.children.size(); ++i) {
      value_.clear();
      append_json(table_.children[i], *batch.children[i], row + batch.offset, value_);
      append_part(table_.children[i].name, row_);
      append_part(value_, row_);
    }
  }

  const ArrowType& table_;
  const Wanted& wanted_;
  Block& block_;
  ArrowPath path_;
  std::string row_, value_, words_;
};

/// Errors of values are told with their place.
template <typename Body>
void at_row(const std::string& path, int64_t row, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    fail(error.kind(), "{}, row {}: {}", path, row, error.what());
  }
}

/// Groups that are decoded where their rows are used.
class PendingGroups final : public PendingRows {
 public:
  PendingGroups(std::shared_ptr<const ArrowFile> file, std::string path, ArrowFile::Request request, Wanted wanted,
                int64_t rows)
      : file_(std::move(file)),
        path_(std::move(path)),
        request_(std::move(request)),
        wanted_(std::move(wanted)),
        rows_(rows) {}

  void load(Block& block) const override {
    const auto stream = file_->read(request_);
    RowWriter writer(stream->table(), wanted_, block);
    int64_t first = 0;
    size_t at = 0;
    while (const auto batch = stream->next()) {
      const int64_t end = first + (**batch).length;
      for (; at < block.records.size(); ++at) {
        Record& record = block.records[at];
        const auto row = static_cast<int64_t>(record.begin);
        if (row >= end) break;
        at_row(path_, record.line, [&] { writer.write(**batch, row - first, record); });
      }
      first = end;
    }
    check_rows(path_, first, rows_);
  }

  static void check_rows(const std::string& path, int64_t there, int64_t promised) {
    if (there != promised)
      fail(ErrorKind::input, "{} is damaged: {} were to come, {} came", path, counted(promised, "row"), there);
  }

 private:
  const std::shared_ptr<const ArrowFile> file_;
  const std::string path_;
  const ArrowFile::Request request_;
  const Wanted wanted_;
  const int64_t rows_;
};

/// Rows of a batch that is decoded, from `first` on.
class PendingPiece final : public PendingRows {
 public:
  PendingPiece(std::shared_ptr<ArrowStream> stream, std::shared_ptr<const ArrowOwned<ArrowArray>> batch, int64_t first,
               std::string path, Wanted wanted)
      : stream_(std::move(stream)),
        batch_(std::move(batch)),
        first_(first),
        path_(std::move(path)),
        wanted_(std::move(wanted)) {}

  void load(Block& block) const override {
    RowWriter writer(stream_->table(), wanted_, block);
    for (Record& record : block.records)
      at_row(path_, record.line, [&] { writer.write(**batch_, first_ + static_cast<int64_t>(record.begin), record); });
  }

 private:
  const std::shared_ptr<ArrowStream> stream_;  // for its types
  const std::shared_ptr<const ArrowOwned<ArrowArray>> batch_;
  const int64_t first_;
  const std::string path_;
  const Wanted wanted_;
};

class ColumnarStream final : public RowStream {
 public:
  ColumnarStream(const Files& files, size_t number, Columns columns);
  bool append(Block& block) override;
  uint64_t consumed() const override {
    const int64_t rows = file_->facts().rows;
    if (rows == 0 || row_ >= rows) return file_->bytes();
    return static_cast<uint64_t>(static_cast<double>(file_->bytes()) * static_cast<double>(row_) /
                                 static_cast<double>(rows));
  }

 private:
  void begin_stream(const ArrowFile::Group& group);
  bool append_piece(Block& block);
  void add_records(int64_t count, Block& block);

  const std::string path_;
  const std::shared_ptr<const ArrowFile> file_;
  Wanted wanted_;
  int64_t group_ = 0;  // the next one
  int64_t row_ = 0;    // of the file, the next one

  // A group that is read piece by piece.
  std::shared_ptr<ArrowStream> stream_;
  std::shared_ptr<const ArrowOwned<ArrowArray>> batch_;
  int64_t batch_row_ = 0, piece_rows_ = 0, streamed_ = 0, promised_ = 0;
};

ColumnarStream::ColumnarStream(const Files& files, size_t number, Columns columns)
    : path_(shown_name(files.list()[number])), file_(std::make_shared<const ArrowFile>(files.list()[number])) {
  wanted_.all_columns = columns == Columns::all;
  if (columns == Columns::all && files.options().bad_rows == BadRows::stop) return;
  const auto column = files.text_column(static_cast<size_t>(files.list()[number].group));
  if (!column) {  // no file of the group has rows
    wanted_.all_columns = true;
    return;
  }
  const ArrowType table = file_->table();
  ArrowPath path;
  if (!ArrowPath::find(table, column->path, path))
    fail(ErrorKind::input, "{} has no column \"{}\", which holds the text in other files of its split", path_,
         printable(column->name));
  wanted_.words = files.options().words == Words::list;
  // Where a writer saw no value it wrote a column without a type: every row's text is null there.
  const bool is_empty = path.type().kind == ArrowType::Kind::null;
  if (!is_empty && !(wanted_.words ? path.type().is_word_list() : path.type().is_text()))
    fail(ErrorKind::input, "{}: the column \"{}\" holds {}; {} are expected there", path_, printable(column->name),
         path.type().plural(), wanted_.words ? "lists of strings" : "strings");
  wanted_.text = column->path;
}

void ColumnarStream::add_records(int64_t count, Block& block) {
  for (int64_t i = 0; i < count; ++i) {
    Record record;
    record.begin = static_cast<size_t>(i);
    record.line = ++row_;
    block.records.push_back(record);
  }
}

bool ColumnarStream::append(Block& block) {
  if (stream_) return append_piece(block);
  const int64_t groups = file_->facts().groups, first = group_;
  int64_t rows = 0;
  for (int64_t bytes = 0; group_ < groups && bytes < static_cast<int64_t>(Block::kBytes); ++group_) {
    const ArrowFile::Group group = file_->group(group_, wanted_.column());
    const bool is_large = file_->facts().any_order == 0 || group.bytes > kGroupBytes || group.rows > kGroupRows;
    if (is_large && rows == 0) {
      begin_stream(group);
      return append_piece(block);
    }
    if (is_large || rows + group.rows > kGroupRows) break;
    rows += group.rows;
    bytes += group.bytes;
  }
  if (rows > 0) {
    add_records(rows, block);
    block.pending = std::make_shared<PendingGroups>(
        file_, path_,
        ArrowFile::Request{.first = first, .last = group_, .column = wanted_.column(), .batch_rows = kGroupRows},
        wanted_, rows);
  }
  return group_ < groups;
}

void ColumnarStream::begin_stream(const ArrowFile::Group& group) {
  const int64_t mean = std::max<int64_t>(1, group.bytes / std::max<int64_t>(1, group.rows));
  piece_rows_ = std::clamp<int64_t>(kPieceBytes / mean, 1, kPieceRows);
  stream_ = file_->read(
      {.first = group_, .last = group_ + 1, .column = wanted_.column(), .batch_rows = piece_rows_, .piecewise = true});
  ++group_;
  promised_ = group.rows;
  streamed_ = 0;
}

bool ColumnarStream::append_piece(Block& block) {
  while (!batch_ || batch_row_ == (**batch_).length) {
    batch_row_ = 0;
    batch_ = stream_->next();
    if (batch_) continue;
    stream_.reset();
    PendingGroups::check_rows(path_, streamed_, promised_);
    return group_ < file_->facts().groups;
  }
  const int64_t count = std::min(piece_rows_, (**batch_).length - batch_row_);
  add_records(count, block);
  block.pending = std::make_shared<PendingPiece>(stream_, batch_, batch_row_, path_, wanted_);
  batch_row_ += count;
  streamed_ += count;
  return true;
}

class ColumnarParser final : public RowParser {
 public:
  using RowParser::RowParser;

  bool find_text(const Block& block, const Record& record, std::string_view& text, std::string& why) override {
    std::string_view bytes = block.text(record);
    if (bytes.front() == kColumns) {
      bytes.remove_prefix(1);
      bytes = take_part(bytes);
    }
    if (!column_) column_ = files_.text_column(group_).value();  // there are rows: one is at hand
    const bool words = files_.options().words == Words::list;
    if (bytes.front() == kNull) {
      why = fmt::format("expected a {} in the column \"{}\", got null{}", words ? "list of words" : "string",
                        printable(column_->name), words ? ", or null among them" : "");
      return false;
    }
    text = bytes.substr(1);
    if (!(words ? is_utf8_by_words(text) : simdjson::validate_utf8(text.data(), text.size())))
      fail_at(record, fmt::format("the text in the column \"{}\" is not UTF-8, as strings of such a file must be",
                                  printable(column_->name)));
    return true;
  }

  Row row(const Block& block, const Record& record) override {
    Row row;
    for (const std::string& name : files_.beginning(group_).columns) row.columns.emplace_back(name, "null");
    std::string_view parts = block.text(record).substr(1);
    take_part(parts);
    for (size_t at = 0; !parts.empty(); ++at) {
      const std::string_view name = take_part(parts), value = take_part(parts);
      if (!simdjson::validate_utf8(value.data(), value.size()))
        fail_at(record,
                fmt::format("the column \"{}\" holds bytes that are not UTF-8, as strings of such a file must be",
                            printable(name)));
      auto into = row.columns.begin() + static_cast<std::ptrdiff_t>(std::min(at, row.columns.size()));
      if (into == row.columns.end() || into->first != name)
        into = std::find_if(row.columns.begin(), row.columns.end(), [&](const auto& c) { return c.first == name; });
      if (into == row.columns.end()) into = row.columns.insert(into, {std::string(name), ""});
      into->second = value;
    }
    return row;
  }

  void observe(const Block&, const Record&, Head&) override {}  // files tell their heads themselves

 private:
  static bool is_utf8_by_words(std::string_view text) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(kWordMark, begin), text.size());
      if (!simdjson::validate_utf8(text.data() + begin, end - begin)) return false;
      begin = end + 1;
    }
    return true;
  }

  std::optional<Files::TextColumn> column_;
};

class ColumnarFormat final : public RowFormat {
 public:
  std::unique_ptr<RowStream> open(const Files& files, size_t file, Columns columns) const override {
    return std::make_unique<ColumnarStream>(files, file, columns);
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return std::make_unique<ColumnarParser>(files, group);
  }
  std::optional<Head> head(const DataFile& file, bool whole) const override { return columnar_head(file, whole); }
  std::optional<Count> count(const DataFile& file) const override {
    const ArrowFile opened(file);
    return Count{opened.facts().rows, opened.facts().text_bytes};
  }
  bool rows_are_lines() const override { return false; }
};

}  // namespace

std::unique_ptr<const RowFormat> columnar_format(const ReadOptions&) { return std::make_unique<ColumnarFormat>(); }

}  // namespace tekio
