// Tables: CSV and TSV in the dialects of csv_dialect.h. Values are text; a column is shown as numbers where all of the
// head's values are written as JSON writes numbers (so "007" and "NA" stay what they are).
#include <algorithm>

#include "base/error.h"
#include "data/formats/csv_dialect.h"
#include "data/source.h"
#include "data/text_stream.h"

namespace tekio {
namespace {

/// Names in a header, as the reference makes them: an empty one is "Unnamed: I", one that was there before gets ".1",
/// ".2", ….
std::vector<std::string> header_names(const std::vector<std::string_view>& fields) {
  std::vector<std::string> names;
  for (size_t i = 0; i < fields.size(); ++i) {
    const std::string name = fields[i].empty() ? fmt::format("Unnamed: {}", i) : std::string(fields[i]);
    std::string unique = name;
    for (int copy = 1; std::find(names.begin(), names.end(), unique) != names.end(); ++copy)
      unique = fmt::format("{}.{}", name, copy);
    names.push_back(std::move(unique));
  }
  return names;
}

/// The separator is found in the first bytes, and every record tells it to the parsers.
class CsvSplitter final : public Splitter {
 public:
  CsvSplitter(const DataFile& file, const CsvOptions& options) : Splitter(file), options_(options) {}

  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override {
    size_t at = 0;
    if (separator_ == '\0') {
      at = after_mark(bytes);
      const CsvDialect dialect = find_dialect(bytes.substr(at), last, options_, path_);
      separator_ = dialect.separator;
      says_separator_ = dialect.told;
      line_ += dialect.lines_skipped;
      at += dialect.bytes_skipped;
    }
    while (at < bytes.size()) {
      const CsvEnd cut = csv_end(bytes, at, separator_, last);
      if (cut.end == kNone) {
        if (last && cut.in_quotes)
          fail(ErrorKind::input, "{}:{}: a quoted field that begins in this record has no closing quote", path_, line_);
        break;
      }
      const std::string_view record = bytes.substr(at, cut.end - at);
      if (cut.torn) fail_torn(record);
      const bool is_header = !record.empty() && header_.empty() && take_header(record, bytes.substr(cut.next), last);
      if (!record.empty() && !is_header) records.push_back({at, record.size(), line_, 0, separator_});
      line_ += 1 + count_lines(record);
      at = cut.next;
    }
    return at;
  }
  const std::vector<std::string>* header() const override { return header_.empty() ? nullptr : &header_; }

 private:
  bool take_header(std::string_view record, std::string_view behind, bool last);
  void check_lone_column(std::string_view record, std::string_view behind, bool last) const;
  [[noreturn]] void fail_torn(std::string_view record) const;

  const CsvOptions options_;
  char separator_ = '\0';
  bool says_separator_ = false;  // an option or the file
  std::vector<std::string> header_;
};

/// An option as it is to be written.
std::string separator_option(char separator) {
  return separator == '\t' ? message("--csv_separator tab") : message("--csv_separator '{}'", separator);
}

/// A quote that was not meant to open a field, or was not closed, takes in line ends and rows until the next one.
void CsvSplitter::fail_torn(std::string_view record) const {
  fail(ErrorKind::input,
       "{}:{}: a quoted field of this record goes on over line ends to a quote that text follows, so a quote is likely "
       "not closed (the record would be {}); quote the field, and write a quote within it twice (\"\")",
       path_, line_, printable(record, 100));
}

/// A table of one column whose header or records hold another separator is likely none of one column. Only an option
/// is believed that it is, as a "sep=;" line may be as wrong.
void CsvSplitter::check_lone_column(std::string_view record, std::string_view behind, bool last) const {
  if (options_.separator != '\0' || record.front() == '"') return;
  const size_t other = record.find_first_of(kCsvSeparators);
  const std::string shown = printable(record, 200);
  if (other != kNone && says_separator_)
    fail(
        ErrorKind::input,
        "{}:{}: the file's first line says that {} separates columns, but the header, \"{}\", holds none, but {}; pass "
        "{} if this separates them, {} if it does not",
        path_, line_, separator_name(separator_), shown, separator_name(record[other]), separator_option(record[other]),
        separator_option(separator_));
  if (other != kNone)
    fail(ErrorKind::input,
         "{}:{}: the header is one column, \"{}\", whose name holds {}, and the records do not show that this "
         "separates columns; pass {} if it does, or put the name in quotes if it does not",
         path_, line_, shown, separator_name(record[other]), separator_option(record[other]));
  if (const char between = separator_behind_title(behind, last); between != '\0')
    fail(
        ErrorKind::input,
        "{}:{}: the header is one column, \"{}\", but the records behind it all have as many columns, separated by {}: "
        "remove this line if it stands above a table, or pass {} if the records are one column",
        path_, line_, shown, separator_name(between),
        separator_option(between == options_.usual ? ';' : options_.usual));
}

/// Names the columns by the file's first record; true if that is the header, so no row.
bool CsvSplitter::take_header(std::string_view record, std::string_view behind, bool last) {
  check_text(record, file_, fmt::format("{}:{}", path_, line_));
  std::vector<std::string_view> fields;
  std::string scratch;
  split_fields(record, separator_, fields, scratch);
  if (fields.size() == 1 && options_.names.empty()) check_lone_column(record, behind, last);
  if (options_.header) {
    header_ = header_names(fields);
    return true;
  }
  if (options_.names.empty()) {
    for (size_t i = 0; i < fields.size(); ++i) header_.push_back(fmt::format("column{}", i));
    return false;
  }
  if (options_.names.size() != fields.size())
    fail(ErrorKind::input, "{}:{}: the first record has {}, separated by {}, but --column_names names {}: {}", path_,
         line_, fields.size() == 1 ? "1 field" : fmt::format("{} fields", fields.size()), separator_name(separator_),
         options_.names.size(), printable(fmt::format("{}", fmt::join(options_.names, ", ")), 200));
  header_ = options_.names;
  return false;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// As JSON writes a number, of at most 15 significant digits, so that every reader takes it for the same.
bool is_number(std::string_view text) {
  if (text.empty() || text.size() > 16) return false;
  size_t at = text[0] == '-';
  const size_t whole = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  if (at == whole || (at - whole > 1 && text[whole] == '0')) return false;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == fraction) return false;
  }
  return at == text.size();
}

class CsvParser final : public RowParser {
 public:
  using RowParser::RowParser;
  bool find_text(const Block& block, const Record& record, std::string_view& text, std::string& why) override;
  Row row(const Block& block, const Record& record) override;
  void observe(const Block& block, const Record& record, Head& head) override;

 private:
  void read_fields(const Block& block, const Record& record, size_t columns);

  std::optional<Files::TextColumn> column_;
  std::vector<std::string_view> fields_;
  std::string scratch_;
};

/// What to do where a record has too many fields.
std::string quoting_advice(const std::vector<std::string_view>& fields, char separator) {
  for (const std::string_view field : fields) {
    const size_t begin = field.find_first_not_of(" \t");
    if (begin == kNone) continue;
    if (begin > 0 && field[begin] == '"')
      return fmt::format("a quote that opens a field must follow {} at once, without a blank",
                         separator_name(separator));
    if (field[begin] == '\'' && std::count(field.begin(), field.end(), '\'') == 1)
      return fmt::format("a field that holds {} must stand in double quotes (\"), not in single ones",
                         separator_name(separator));
  }
  return fmt::format("a field that holds {} must stand in quotes", separator_name(separator));
}

void CsvParser::read_fields(const Block& block, const Record& record, size_t columns) {
  split_fields(utf8(block, record), record.separator, fields_, scratch_);
  if (fields_.size() > columns)
    fail_at(record, fmt::format("{} fields, but {} {} columns; {}", fields_.size(),
                                files_.options(group_).header && files_.options(group_).column_names.empty()
                                    ? "the header names"
                                    : "there are",
                                columns, quoting_advice(fields_, record.separator)));
}

bool CsvParser::find_text(const Block& block, const Record& record, std::string_view& text, std::string& why) {
  if (!column_) column_ = files_.text_column(group_).value();  // there are rows: one is at hand
  read_fields(block, record, column_->columns);
  if (column_->index < fields_.size()) {
    text = fields_[column_->index];
    return true;
  }
  const std::string_view bytes = block.text(record);
  const size_t other = fields_.size() == 1 ? bytes.find_first_of(kCsvSeparators) : kNone;
  why = fmt::format("{} field{}, so none for the column \"{}\"", fields_.size(), fields_.size() == 1 ? "" : "s",
                    printable(column_->name));
  if (other != kNone)
    why += fmt::format(", as the header's columns are separated by {}, but here {} stands",
                       separator_name(record.separator), separator_name(bytes[other]));
  return false;
}

void CsvParser::observe(const Block& block, const Record& record, Head& head) {
  read_fields(block, record, head.columns.size());
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].empty()) continue;
    Head::Values& values = head.values[i];
    if (is_number(fields_[i]) && head.columns[i] != "text") {
      ++values.others;
    } else {
      ++values.strings;
      values.characters += count_characters(fields_[i]);
    }
  }
}

Row CsvParser::row(const Block& block, const Record& record) {
  const Head& head = files_.head(group_);
  Row row;
  for (const std::string& name : head.columns) row.columns.emplace_back(name, "null");
  read_fields(block, record, head.columns.size());
  for (size_t i = 0; i < fields_.size(); ++i) {
    const bool number = head.values[i].strings == 0 && head.values[i].others > 0;
    if (number && fields_[i].empty()) continue;
    row.columns[i].second = number && is_number(fields_[i]) ? std::string(fields_[i]) : json_quoted(fields_[i]);
  }
  return row;
}

class Csv final : public ByteRowFormat {
 public:
  Csv(const ReadOptions& options, char usual)
      : options_{.separator = options.csv_separator,
                 .usual = usual,
                 .header = options.header && options.column_names.empty(),
                 .names = options.column_names} {}
  std::unique_ptr<Splitter> splitter(const DataFile& file) const override {
    return std::make_unique<CsvSplitter>(file, options_);
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return std::make_unique<CsvParser>(files, group);
  }
  bool values_are_text() const override { return true; }

 private:
  const CsvOptions options_;
};

}  // namespace

std::unique_ptr<const RowFormat> csv_format(const ReadOptions& options) { return std::make_unique<Csv>(options, ','); }
std::unique_ptr<const RowFormat> tsv_format(const ReadOptions& options) { return std::make_unique<Csv>(options, '\t'); }

}  // namespace tekio
