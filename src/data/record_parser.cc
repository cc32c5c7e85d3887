// simdjson for JSON; its DOM form, which checks the whole record, also what is not asked for. CSV values are text; a
// column is shown as numbers where all of the head's values are written as JSON writes numbers (so "007" and "NA" stay
// what they are).
#include "data/record_parser.h"

#include <simdjson.h>

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace tekio {
namespace {

std::string quoted(std::string_view text) { return nlohmann::json(text).dump(); }

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

char delimiter_of(FileKind kind) { return kind == FileKind::tsv ? '\t' : ','; }

std::string json_reason(simdjson::error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR:
      return "it is not UTF-8";
    case simdjson::NUMBER_ERROR:
      return "a number in it is malformed or does not fit 64 bits";
    case simdjson::STRING_ERROR:
      return "a string in it has a malformed escape";
    case simdjson::UNCLOSED_STRING:
      return "a string in it has no closing quote";
    case simdjson::UNESCAPED_CHARS:
      return "a string in it holds a raw control character";
    case simdjson::DEPTH_ERROR:
      return "it is nested too deeply";
    case simdjson::TAPE_ERROR:
      return "its structure is malformed";
    default:
      return simdjson::error_message(error);
  }
}

const char* json_type(simdjson::dom::element element) {
  switch (element.type()) {
    case simdjson::dom::element_type::ARRAY:
      return "an array";
    case simdjson::dom::element_type::OBJECT:
      return "an object";
    case simdjson::dom::element_type::STRING:
      return "a string";
    case simdjson::dom::element_type::BOOL:
      return "true or false";
    case simdjson::dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

using Type = Head::Type;

size_t column_index(Head& head, std::string_view name) {
  const auto found = std::find(head.columns.begin(), head.columns.end(), name);
  if (found != head.columns.end()) return static_cast<size_t>(found - head.columns.begin());
  head.columns.emplace_back(name);
  head.types.push_back(Type::unknown);
  return head.columns.size() - 1;
}

}  // namespace

struct RecordParser::Json {
  simdjson::dom::parser parser;

  simdjson::dom::element parse(const RecordParser& owner, const Block& block, const Record& record) {
    const std::string_view bytes = block.text(record);
    simdjson::dom::element element;
    if (const auto error = parser.parse(bytes.data(), bytes.size(), false).get(element))
      owner.fail_at(
          record,
          fmt::format("not one JSON value: {}; what is read is one object a line, or one array of objects or strings",
                      json_reason(error)));
    return element;
  }

  static simdjson::dom::object object(const RecordParser& owner, const Record& record, simdjson::dom::element element) {
    simdjson::dom::object object;
    if (element.get(object))
      owner.fail_at(record, fmt::format("expected an object or a string, got {}", json_type(element)));
    return object;
  }
};

RecordParser::RecordParser(const Files& files, std::string text_column)
    : files_(files), wanted_(std::move(text_column)), text_columns_(files.groups()), json_(std::make_unique<Json>()) {}

RecordParser::~RecordParser() = default;

void RecordParser::fail_at(const Record& record, const std::string& what) const {
  fail(ErrorKind::input, "{}: {}", files_.where(record), what);
}

void RecordParser::check_utf8(const Block& block, const Record& record) const {
  const std::string_view bytes = block.text(record);
  if (simdjson::validate_utf8(bytes.data(), bytes.size())) [[likely]]
    return;
  size_t good = 0;  // bytes before the first that is wrong: the longest valid beginning
  while (good < bytes.size()) {
    size_t length = 1;
    while (length <= 4 && good + length <= bytes.size() && !simdjson::validate_utf8(bytes.data() + good, length))
      ++length;
    if (length > 4 || good + length > bytes.size()) break;
    good += length;
  }
  fail_at(record, fmt::format("byte 0x{:02X} at column {} is not UTF-8; convert the file (iconv -f WINDOWS-1252 -t "
                              "UTF-8, if it is from there)",
                              static_cast<unsigned char>(bytes[std::min(good, bytes.size() - 1)]), good + 1));
}

const Files::TextColumn& RecordParser::text_column(int32_t group) {
  const auto g = static_cast<size_t>(group);
  if (!text_columns_[g]) text_columns_[g] = files_.text_column(g, wanted_).value();  // there are rows: one is at hand
  return *text_columns_[g];
}

std::string_view RecordParser::text(const Block& block, const Record& record) {
  const DataFile& file = files_.list()[static_cast<size_t>(record.file)];
  switch (file.kind) {
    case FileKind::json:
      return json_text(block, record, file);
    case FileKind::csv:
    case FileKind::tsv:
      return csv_text(block, record, file);
    case FileKind::text:
    case FileKind::review:
      break;
  }
  text_column(file.group);
  check_utf8(block, record);
  return block.text(record);
}

void RecordParser::csv_fields(const Block& block, const Record& record, const DataFile& file, size_t columns) {
  check_utf8(block, record);
  split_fields(block.text(record), delimiter_of(file.kind), fields_, scratch_);
  if (fields_.size() > columns)
    fail_at(record,
            fmt::format("{} fields, but the header names {} columns; a field that holds {} must stand in quotes",
                        fields_.size(), columns, file.kind == FileKind::tsv ? "a tab" : "a comma"));
}

std::string_view RecordParser::csv_text(const Block& block, const Record& record, const DataFile& file) {
  const Files::TextColumn& column = text_column(file.group);
  csv_fields(block, record, file, column.columns);
  if (column.index >= fields_.size())
    fail_at(record, fmt::format("{} fields, so none for the column \"{}\"", fields_.size(), printable(column.name)));
  return fields_[column.index];
}

std::string_view RecordParser::json_text(const Block& block, const Record& record, const DataFile& file) {
  const std::string& name = text_column(file.group).name;
  const simdjson::dom::element element = json_->parse(*this, block, record);
  std::string_view text;
  if (name == "text" && element.get(text) == simdjson::SUCCESS) return text;
  const simdjson::dom::object object = json_->object(*this, record, element);
  int found = 0;
  for (const auto& [key, value] : object) {
    if (key != name) continue;
    if (++found > 1) fail_at(record, fmt::format("the column \"{}\" stands twice", printable(name)));
    if (value.get(text))
      fail_at(record, fmt::format("expected a string in the column \"{}\", got {}", printable(name), json_type(value)));
  }
  if (found == 0) fail_at(record, fmt::format("the column \"{}\" is missing", printable(name)));
  return text;
}

void RecordParser::observe(const Block& block, const Record& record, Head& head) {
  const DataFile& file = files_.list()[static_cast<size_t>(record.file)];
  head.has_rows = true;
  if (file.kind == FileKind::csv || file.kind == FileKind::tsv) {
    csv_fields(block, record, file, head.columns.size());
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].empty()) continue;
      const bool number = is_number(fields_[i]) && head.types[i] != Type::text && head.columns[i] != "text";
      head.types[i] = number ? Type::number : Type::text;
    }
    return;
  }
  if (file.kind != FileKind::json) return;
  const simdjson::dom::element element = json_->parse(*this, block, record);
  if (element.is_string()) {
    head.types[column_index(head, "text")] = Type::text;
    return;
  }
  const simdjson::dom::object object = json_->object(*this, record, element);
  size_t at = 0;  // rows mostly name their columns in the same order
  for (const auto& [key, value] : object) {
    const size_t column = at < head.columns.size() && head.columns[at] == key ? at : column_index(head, key);
    at = column + 1;
    if (head.types[column] == Type::unknown && !value.is_null())
      head.types[column] = value.is_string() ? Type::text : Type::other;
  }
}

Row RecordParser::row(const Block& block, const Record& record) {
  const DataFile& file = files_.list()[static_cast<size_t>(record.file)];
  const Head& head = files_.head(static_cast<size_t>(file.group));
  Row row;
  if (file.kind == FileKind::text || file.kind == FileKind::review) {
    check_utf8(block, record);
    row.columns.emplace_back("text", quoted(block.text(record)));
    if (file.kind == FileKind::review) row.columns.emplace_back("label", std::to_string(file.label));
    return row;
  }
  for (const std::string& name : head.columns) row.columns.emplace_back(name, "null");
  if (file.kind == FileKind::csv || file.kind == FileKind::tsv) {
    csv_fields(block, record, file, head.columns.size());
    for (size_t i = 0; i < fields_.size(); ++i) {
      const bool number = head.types[i] == Type::number;
      if (number && fields_[i].empty()) continue;
      row.columns[i].second = number && is_number(fields_[i]) ? std::string(fields_[i]) : quoted(fields_[i]);
    }
    return row;
  }
  const simdjson::dom::element element = json_->parse(*this, block, record);
  const auto set = [&](std::string_view name, simdjson::dom::element value) {
    const auto column =
        std::find_if(row.columns.begin(), row.columns.end(), [&](const auto& c) { return c.first == name; });
    std::string text = simdjson::minify(value);
    if (column == row.columns.end())
      row.columns.emplace_back(name, std::move(text));
    else
      column->second = std::move(text);
  };
  if (element.is_string()) {
    set("text", element);
    return row;
  }
  const simdjson::dom::object object = json_->object(*this, record, element);
  for (const auto& [key, value] : object) set(key, value);
  return row;
}

std::vector<std::string> header_names(const std::string& header, FileKind kind) {
  std::vector<std::string_view> fields;
  std::string scratch;
  split_fields(header, delimiter_of(kind), fields, scratch);
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

}  // namespace tekio
