#include "data/formats/columnar_rows.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "data/source.h"

namespace tekio {
namespace {

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

}  // namespace

WantedColumns WantedColumns::of(const Files& files, size_t number, Columns columns, const ArrowType& table) {
  const DataFile& file = files.list()[number];
  WantedColumns wanted;
  wanted.all_columns = columns == Columns::all;
  if (columns == Columns::all && files.options().bad_rows == BadRows::stop) return wanted;
  const auto column = files.text_column(static_cast<size_t>(file.group));
  if (!column) {  // no file of the group has rows
    wanted.all_columns = true;
    return wanted;
  }
  ArrowPath path;
  if (!ArrowPath::find(table, column->path, path))
    fail(ErrorKind::input, "{} has no column \"{}\", which holds the text in other files of its split",
         shown_name(file), printable(column->name));
  wanted.words = files.options().words == Words::list;
  // Where a writer saw no value it wrote a column without a type: every row's text is null there.
  const bool is_empty = path.type().kind == ArrowType::Kind::null;
  if (!is_empty && !(wanted.words ? path.type().is_word_list() : path.type().is_text()))
    fail(ErrorKind::input, "{}: the column \"{}\" holds {}; {} are expected there", shown_name(file),
         printable(column->name), path.type().plural(), wanted.words ? "lists of strings" : "strings");
  wanted.text = column->path;
  return wanted;
}

RowWriter::RowWriter(const ArrowType& table, const WantedColumns& wanted, Block& block)
    : table_(table), wanted_(wanted), block_(block) {
  if (wanted.text) TEKIO_CHECK(ArrowPath::find(table, *wanted.text, path_), "{}", fmt::join(*wanted.text, "."));
}

void RowWriter::write(const ArrowArray& batch, int64_t row, Record& record) {
  record.begin = block_.size;
  if (!wanted_.all_columns) {
    write_text(batch, row);
  } else {
    row_.assign(1, kColumns);
    append_columns(batch, row);
    block_.append(row_);
  }
  record.size = block_.size - record.begin;
  if (record.size > Block::kRecordLimit) fail(ErrorKind::input, "a row of more than {} MiB", Block::kRecordLimit >> 20);
}

std::optional<std::string_view> RowWriter::text(const ArrowArray& batch, int64_t row) {
  const ArrowArray* array = nullptr;
  if (!path_.at(batch, row, array)) return std::nullopt;
  if (!wanted_.words) return arrow_text(path_.type(), *array, row);
  words_.clear();
  if (!append_words(path_.type(), *array, row, words_)) return std::nullopt;
  return words_;
}

void RowWriter::write_text(const ArrowArray& batch, int64_t row) {
  const auto found = text(batch, row);
  block_.append({found ? &kText : &kNull, 1});
  if (found) block_.append(*found);
}

void RowWriter::append_columns(const ArrowArray& batch, int64_t row) {
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

void write_row(RowWriter& writer, const ArrowArray& batch, int64_t row, const std::string& path, Record& record) {
  try {
    writer.write(batch, row, record);
  } catch (const Error& error) {
    fail(error.kind(), "{}, row {}: {}", path, record.line, error.what());
  }
}

namespace {

class PendingPiece final : public PendingRows {
 public:
  PendingPiece(std::shared_ptr<const void> owner, const ArrowType& table,
               std::shared_ptr<const ArrowOwned<ArrowArray>> batch, int64_t first, std::string path,
               WantedColumns wanted)
      : owner_(std::move(owner)),
        table_(table),
        batch_(std::move(batch)),
        first_(first),
        path_(std::move(path)),
        wanted_(std::move(wanted)) {}

  void load(Block& block) const override {
    RowWriter writer(table_, wanted_, block);
    for (Record& record : block.records)
      write_row(writer, **batch_, first_ + static_cast<int64_t>(record.begin), path_, record);
  }

 private:
  const std::shared_ptr<const void> owner_;
  const ArrowType& table_;
  const std::shared_ptr<const ArrowOwned<ArrowArray>> batch_;
  const int64_t first_;
  const std::string path_;
  const WantedColumns wanted_;
};

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

}  // namespace

std::shared_ptr<const PendingRows> pending_rows(std::shared_ptr<const void> owner, const ArrowType& table,
                                                std::shared_ptr<const ArrowOwned<ArrowArray>> batch, int64_t first,
                                                std::string path, WantedColumns wanted) {
  return std::make_shared<PendingPiece>(std::move(owner), table, std::move(batch), first, std::move(path),
                                        std::move(wanted));
}

std::unique_ptr<RowParser> columnar_parser(const Files& files, size_t group) {
  return std::make_unique<ColumnarParser>(files, group);
}

}  // namespace tekio
