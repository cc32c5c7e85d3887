// JSON: one value a line, or the elements of one array. simdjson parses, in its DOM form, which checks the whole
// record, also what is not asked for.
#include <simdjson.h>

#include <algorithm>

#include "base/error.h"
#include "data/formats/byte_rows.h"
#include "data/source.h"

namespace tekio {
namespace {

bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// JSON Lines, or one array: the first character that is no space decides.
class JsonSplitter final : public Splitter {
 public:
  using Splitter::Splitter;
  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override {
    size_t at = 0;
    if (form_ == Form::unknown) {
      at = skip_space(bytes, after_mark(bytes));
      if (at == bytes.size()) return at;
      form_ = bytes[at] == '[' ? Form::before_element : Form::lines;
      if (form_ == Form::before_element) ++at;
    }
    return form_ == Form::lines ? split_lines(bytes, at, last, records) : split_array(bytes, at, last, records);
  }

 private:
  enum class Form { unknown, lines, before_element, after_element, after_array };

  size_t skip_space(std::string_view bytes, size_t at) {
    for (; at < bytes.size() && is_json_space(bytes[at]); ++at) line_ += bytes[at] == '\n';
    return at;
  }

  size_t split_lines(std::string_view bytes, size_t at, bool last, std::vector<Record>& records) {
    while (at < bytes.size()) {
      const size_t newline = find_char(bytes, at, '\n');
      if (newline == kNone && !last) break;
      const size_t end = std::min(newline, bytes.size());
      size_t begin = at;
      while (begin < end && is_json_space(bytes[begin])) ++begin;
      if (begin < end) records.push_back({begin, end - begin, line_, 0});
      line_ += newline != kNone;
      at = end + (newline != kNone ? 1 : 0);
    }
    return at;
  }

  size_t split_array(std::string_view bytes, size_t at, bool last, std::vector<Record>& records) {
    for (;;) {
      at = skip_space(bytes, at);
      if (at == bytes.size()) break;
      const char c = bytes[at];
      if (form_ == Form::after_array)
        fail(ErrorKind::input,
             "{}:{}: more follows after the array's end; a .json file is one array, or one object a line", path_,
             line_);
      if (form_ == Form::after_element) {  // an element ends nowhere else than at , or ]
        form_ = c == ',' ? Form::before_element : Form::after_array;
        ++at;
        continue;
      }
      if (c == ']' && !any_element_) {
        form_ = Form::after_array;
        ++at;
        continue;
      }
      const size_t end = element_end(bytes, at);
      if (end == kNone) {
        if (last) break;
        return at;
      }
      records.push_back({at, end - at, line_, 0});
      line_ += count_lines(bytes.substr(at, end - at));
      any_element_ = true;
      form_ = Form::after_element;
      at = end;
    }
    if (last && form_ != Form::after_array)
      fail(ErrorKind::input, "{}:{}: the file ends inside its array; it is cut off", path_, line_);
    return last ? bytes.size() : at;
  }

  /// The end of the element that begins at `at`: the first , or ] outside of it. kNone if that is not there yet.
  static size_t element_end(std::string_view bytes, size_t at) {
    for (int64_t depth = 0; at < bytes.size(); ++at) {
      const char c = bytes[at];
      if (c == '"') {
        for (++at; at < bytes.size() && bytes[at] != '"'; ++at) at += bytes[at] == '\\';
        if (at >= bytes.size()) return kNone;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (depth == 0 && (c == ',' || c == ']')) {
        return at;
      } else if (c == '}' || c == ']') {
        --depth;
      }
    }
    return kNone;
  }

  Form form_ = Form::unknown;
  bool any_element_ = false;
};

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

class JsonParser final : public RowParser {
 public:
  using RowParser::RowParser;
  std::string_view text(const Block& block, const Record& record) override;
  Row row(const Block& block, const Record& record) override;
  void observe(const Block& block, const Record& record, Head& head) override;

 private:
  simdjson::dom::element parse(const Block& block, const Record& record);
  simdjson::dom::object object(const Record& record, simdjson::dom::element element) const;

  simdjson::dom::parser parser_;
  std::optional<Files::TextColumn> column_;
};

simdjson::dom::element JsonParser::parse(const Block& block, const Record& record) {
  const std::string_view bytes = block.text(record);
  simdjson::dom::element element;
  if (const auto error = parser_.parse(bytes.data(), bytes.size(), false).get(element))
    fail_at(record,
            fmt::format("not one JSON value: {}; what is read is one object a line, or one array of objects or strings",
                        json_reason(error)));
  return element;
}

simdjson::dom::object JsonParser::object(const Record& record, simdjson::dom::element element) const {
  simdjson::dom::object object;
  if (element.get(object)) fail_at(record, fmt::format("expected an object or a string, got {}", json_type(element)));
  return object;
}

std::string_view JsonParser::text(const Block& block, const Record& record) {
  if (!column_) column_ = files_.text_column(group_).value();  // there are rows: one is at hand
  const std::string& name = column_->name;
  const simdjson::dom::element element = parse(block, record);
  std::string_view text;
  if (name == "text" && element.get(text) == simdjson::SUCCESS) return text;
  int found = 0;
  for (const auto& [key, value] : object(record, element)) {
    if (key != name) continue;
    if (++found > 1) fail_at(record, fmt::format("the column \"{}\" stands twice", printable(name)));
    if (value.get(text))
      fail_at(record, fmt::format("expected a string in the column \"{}\", got {}", printable(name), json_type(value)));
  }
  if (found == 0) fail_at(record, fmt::format("the column \"{}\" is missing", printable(name)));
  return text;
}

void JsonParser::observe(const Block& block, const Record& record, Head& head) {
  const simdjson::dom::element element = parse(block, record);
  if (element.is_string()) {
    head.types[column_index(head, "text")] = Type::text;
    return;
  }
  size_t at = 0;  // rows mostly name their columns in the same order
  for (const auto& [key, value] : object(record, element)) {
    const size_t column = at < head.columns.size() && head.columns[at] == key ? at : column_index(head, key);
    at = column + 1;
    if (head.types[column] == Type::unknown && !value.is_null())
      head.types[column] = value.is_string() ? Type::text : Type::other;
  }
}

Row JsonParser::row(const Block& block, const Record& record) {
  Row row;
  for (const std::string& name : files_.head(group_).columns) row.columns.emplace_back(name, "null");
  const auto set = [&](std::string_view name, simdjson::dom::element value) {
    const auto column =
        std::find_if(row.columns.begin(), row.columns.end(), [&](const auto& c) { return c.first == name; });
    std::string text = simdjson::minify(value);
    if (column == row.columns.end())
      row.columns.emplace_back(name, std::move(text));
    else
      column->second = std::move(text);
  };
  const simdjson::dom::element element = parse(block, record);
  if (element.is_string()) {
    set("text", element);
    return row;
  }
  for (const auto& [key, value] : object(record, element)) set(key, value);
  return row;
}

class JsonRows final : public ByteRowFormat {
 public:
  std::unique_ptr<Splitter> splitter(std::string shown_path) const override {
    return std::make_unique<JsonSplitter>(std::move(shown_path));
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return std::make_unique<JsonParser>(files, group);
  }
};

}  // namespace

std::unique_ptr<const RowFormat> json_format(const ReadOptions&) { return std::make_unique<JsonRows>(); }

}  // namespace tekio
