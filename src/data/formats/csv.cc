// Tables: CSV and TSV. Values are text; a column is shown as numbers where all of the head's values are written as JSON
// writes numbers (so "007" and "NA" stay what they are).
#include <algorithm>

#include "base/error.h"
#include "data/formats/byte_rows.h"
#include "data/source.h"

namespace tekio {
namespace {

/// A record's fields, unquoted. Views into `record` or `scratch`.
void split_fields(std::string_view record, char delimiter, std::vector<std::string_view>& fields,
                  std::string& scratch) {
  fields.clear();
  scratch.clear();
  scratch.reserve(record.size());  // views into it stay where they are
  for (size_t at = 0;; ++at) {
    if (at < record.size() && record[at] == '"') {
      const size_t begin = scratch.size();
      for (++at; at < record.size(); ++at) {
        if (record[at] == '"' && (at + 1 >= record.size() || record[at + 1] != '"')) break;
        if (record[at] == '"') ++at;
        scratch.push_back(record[at]);
      }
      const size_t end = std::min(find_char(record, std::min(at + 1, record.size()), delimiter), record.size());
      if (at + 1 < end) scratch.append(record.substr(at + 1, end - at - 1));
      fields.emplace_back(scratch.data() + begin, scratch.size() - begin);
      at = end;
    } else {
      const size_t end = std::min(find_char(record, at, delimiter), record.size());
      fields.push_back(record.substr(at, end - at));
      at = end;
    }
    if (at >= record.size()) return;
  }
}

/// Names in a header, as the reference makes them: an empty one is "Unnamed: I", one that was there before gets ".1",
/// ".2", ….
std::vector<std::string> header_names(std::string_view header, char delimiter) {
  std::vector<std::string_view> fields;
  std::string scratch;
  split_fields(header, delimiter, fields, scratch);
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

/// Where a CSV record ends. A quote opens a quoted field only at the field's start and is doubled inside it (RFC 4180);
/// what follows a closing quote belongs to the field as it is, which is how the reference's reader takes it.
struct CsvEnd {
  size_t end = kNone, next = kNone;  // of the record; of the record after it
  bool in_quotes = false;            // not whole: it stops within a quoted field
};

CsvEnd csv_end(std::string_view bytes, size_t at, char delimiter, bool last) {
  for (bool field_start = true; at < bytes.size();) {
    const char c = bytes[at];
    if (field_start && c == '"') {
      for (++at;; at += 2) {
        at = find_char(bytes, at, '"');
        if (at == kNone) return {.in_quotes = true};
        if (at + 1 == bytes.size() && !last) return {};  // may be the first half of a doubled quote
        if (at + 1 == bytes.size() || bytes[at + 1] != '"') break;
      }
      field_start = false;
      ++at;
    } else if (c == '\n') {
      return {at, at + 1};
    } else if (c == '\r') {
      if (at + 1 == bytes.size() && !last) return {};
      return {at, at + (at + 1 < bytes.size() && bytes[at + 1] == '\n' ? 2 : 1)};
    } else {
      field_start = c == delimiter;
      ++at;
    }
  }
  return last ? CsvEnd{bytes.size(), bytes.size()} : CsvEnd{};
}

class CsvSplitter final : public Splitter {
 public:
  CsvSplitter(std::string shown_path, char delimiter) : Splitter(std::move(shown_path)), delimiter_(delimiter) {}

  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override {
    size_t at = started_ ? 0 : after_mark(bytes);
    started_ = true;
    while (at < bytes.size()) {
      const CsvEnd cut = csv_end(bytes, at, delimiter_, last);
      if (cut.end == kNone) {
        if (last && cut.in_quotes)
          fail(ErrorKind::input, "{}:{}: a quoted field that begins in this record has no closing quote", path_, line_);
        break;
      }
      const std::string_view record = bytes.substr(at, cut.end - at);
      if (!record.empty() && !has_header_) {
        header_ = header_names(record, delimiter_);
        has_header_ = true;
      } else if (!record.empty()) {
        records.push_back({at, record.size(), line_, 0});
      }
      line_ += 1 + count_lines(record);
      at = cut.next;
    }
    return at;
  }

  const std::vector<std::string>* header() const override { return has_header_ ? &header_ : nullptr; }

 private:
  char delimiter_;
  bool started_ = false, has_header_ = false;
  std::vector<std::string> header_;
};

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
  CsvParser(const Files& files, size_t group, char delimiter) : RowParser(files, group), delimiter_(delimiter) {}
  std::string_view text(const Block& block, const Record& record) override;
  Row row(const Block& block, const Record& record) override;
  void observe(const Block& block, const Record& record, Head& head) override;

 private:
  void read_fields(const Block& block, const Record& record, size_t columns);

  const char delimiter_;
  std::optional<Files::TextColumn> column_;
  std::vector<std::string_view> fields_;
  std::string scratch_;
};

void CsvParser::read_fields(const Block& block, const Record& record, size_t columns) {
  split_fields(utf8(block, record), delimiter_, fields_, scratch_);
  if (fields_.size() > columns)
    fail_at(record,
            fmt::format("{} fields, but the header names {} columns; a field that holds {} must stand in quotes",
                        fields_.size(), columns, delimiter_ == '\t' ? "a tab" : "a comma"));
}

std::string_view CsvParser::text(const Block& block, const Record& record) {
  if (!column_) column_ = files_.text_column(group_).value();  // there are rows: one is at hand
  read_fields(block, record, column_->columns);
  if (column_->index >= fields_.size())
    fail_at(record, fmt::format("{} fields, so none for the column \"{}\"", fields_.size(), printable(column_->name)));
  return fields_[column_->index];
}

void CsvParser::observe(const Block& block, const Record& record, Head& head) {
  read_fields(block, record, head.columns.size());
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].empty()) continue;
    const bool number = is_number(fields_[i]) && head.types[i] != Head::Type::text && head.columns[i] != "text";
    head.types[i] = number ? Head::Type::number : Head::Type::text;
  }
}

Row CsvParser::row(const Block& block, const Record& record) {
  const Head& head = files_.head(group_);
  Row row;
  for (const std::string& name : head.columns) row.columns.emplace_back(name, "null");
  read_fields(block, record, head.columns.size());
  for (size_t i = 0; i < fields_.size(); ++i) {
    const bool number = head.types[i] == Head::Type::number;
    if (number && fields_[i].empty()) continue;
    row.columns[i].second = number && is_number(fields_[i]) ? std::string(fields_[i]) : json_quoted(fields_[i]);
  }
  return row;
}

class Csv final : public ByteRowFormat {
 public:
  explicit Csv(char delimiter) : delimiter_(delimiter) {}
  std::unique_ptr<Splitter> splitter(std::string shown_path) const override {
    return std::make_unique<CsvSplitter>(std::move(shown_path), delimiter_);
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return std::make_unique<CsvParser>(files, group, delimiter_);
  }

 private:
  const char delimiter_;
};

}  // namespace

std::unique_ptr<const RowFormat> csv_format(const ReadOptions&) { return std::make_unique<Csv>(','); }
std::unique_ptr<const RowFormat> tsv_format(const ReadOptions&) { return std::make_unique<Csv>('\t'); }

}  // namespace tekio
