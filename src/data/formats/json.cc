// JSON: one value a line, or the elements of one array. simdjson parses, in its DOM form, which checks the whole
// record, also what is not asked for. NaN and Infinity, which Python's json writes, are read as null.
#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "data/formats/json_document.h"
#include "data/source.h"

namespace tekio {
namespace {

constexpr size_t kMostColumns = 20'000;  // names are looked for one by one
constexpr size_t kMostDepth = 8;         // of objects within objects whose strings are known as columns

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

/// The record with null in place of NaN, Infinity and Inf, also with a minus, which the reference's reader takes for
/// numbers; unchanged if there are none.
std::string without_nan(std::string_view record) {
  std::string text(record);
  bool in_string = false, at_value = true;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      in_string = c != '"';
      continue;
    }
    if (at_value && (c == '-' || c == 'N' || c == 'I')) {
      const std::string_view from = std::string_view(text).substr(at + (c == '-'));
      for (const std::string_view word : {"NaN", "Infinity", "Inf"}) {
        const size_t end = word.size();
        if (!from.starts_with(word) || (end < from.size() && std::isalnum(static_cast<unsigned char>(from[end]))))
          continue;
        const size_t length = word.size() + (c == '-');
        text.replace(at, length, length < 4 ? "null" : "null" + std::string(length - 4, ' '));
        break;
      }
    }
    in_string = c == '"';
    if (!is_json_space(c)) at_value = c == ':' || c == ',' || c == '[';
  }
  return text;
}

size_t column_index(Head& head, std::string_view name) {
  const auto found = std::find(head.columns.begin(), head.columns.end(), name);
  if (found != head.columns.end()) return static_cast<size_t>(found - head.columns.begin());
  head.columns.emplace_back(name);
  head.values.emplace_back();
  return head.columns.size() - 1;
}

void count(simdjson::dom::element value, Head::Values& values) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) {
    ++values.strings;
    values.characters += count_characters(text);
  } else if (!value.is_null()) {
    ++values.others;
    simdjson::dom::array list;
    if (value.get(list) == simdjson::SUCCESS && list.begin() != list.end() && (*list.begin()).is_string())
      ++values.lists_of_strings;
  }
}

/// Counts a string, or a list of such, that lies within an object of a row.
void count_nested(simdjson::dom::element value, const std::vector<std::string>& path, Head& head) {
  auto known = std::find_if(head.nested.begin(), head.nested.end(), [&](const auto& n) { return n.path == path; });
  if (known == head.nested.end() && head.nested.size() < 1000) known = head.nested.insert(known, {path, {}});
  if (known != head.nested.end()) count(value, known->values);
}

/// Strings in objects within a row, and lists of objects or strings.
void observe_nested(simdjson::dom::element value, std::vector<std::string>& path, Head& head) {
  simdjson::dom::object object;
  if (simdjson::dom::array list; value.get(list) == simdjson::SUCCESS) {
    if (list.begin() != list.end() && ((*list.begin()).is_object() || (*list.begin()).is_string())) {
      const std::string name = fmt::format("{}", fmt::join(path, "."));
      simdjson::dom::object first;
      if (simdjson::dom::element element = *list.begin(); element.get(first) == simdjson::SUCCESS)
        for (const auto& [key, inner] : first) head.lists_texts = head.lists_texts || inner.is_string();
      if (head.lists.size() < 100 && std::find(head.lists.begin(), head.lists.end(), name) == head.lists.end())
        head.lists.push_back(name);
      if (path.size() > 1 && (*list.begin()).is_string()) count_nested(value, path, head);
    }
    return;
  }
  if (value.get(object) || path.size() == kMostDepth) return;
  for (const auto& [key, inner] : object) {
    path.emplace_back(key);
    if (inner.is_string())
      count_nested(inner, path, head);
    else
      observe_nested(inner, path, head);
    path.pop_back();
  }
}

class JsonParser final : public RowParser {
 public:
  using RowParser::RowParser;
  bool find_text(const Block& block, const Record& record, std::string_view& text, std::string& why) override;
  Row row(const Block& block, const Record& record) override;
  void observe(const Block& block, const Record& record, Head& head) override;

 private:
  simdjson::dom::element parse(const Block& block, const Record& record);
  bool find_words(simdjson::dom::element list, std::string_view& text, std::string& why);
  [[noreturn]] void fail_twice(const Record& record) const {
    fail_at(record, fmt::format("the column \"{}\" stands twice", printable(column_->name)));
  }

  simdjson::dom::parser parser_;
  std::string scratch_, words_;
  std::optional<Files::TextColumn> column_;
};

simdjson::dom::element JsonParser::parse(const Block& block, const Record& record) {
  const std::string_view bytes = block.text(record);
  simdjson::dom::element element;
  auto error = parser_.parse(bytes.data(), bytes.size(), false).get(element);
  if (error && (bytes.find("NaN") != kNone || bytes.find("Inf") != kNone)) {
    scratch_ = without_nan(bytes);
    if (!parser_.parse(scratch_).get(element)) return element;
    error = parser_.parse(bytes.data(), bytes.size(), false).get(element);
  }
  if (error) {
    if (error == simdjson::UTF8_ERROR) utf8(block, record);
    fail_at(record,
            message("not one JSON value: {}; what is read is one object a line, one array of objects or strings, "
                    "or, with --json_field, such an array within one document",
                    json_reason(error)));
  }
  return element;
}

bool JsonParser::find_text(const Block& block, const Record& record, std::string_view& text, std::string& why) {
  if (!column_) column_ = files_.text_column(group_).value();  // there are rows: one is at hand
  const std::vector<std::string>& path = column_->path;
  simdjson::dom::element element = parse(block, record);
  const bool words = files_.options().words == Words::list;
  if (!words && path.size() == 1 && path[0] == "text" && element.get(text) == simdjson::SUCCESS) return true;
  for (const std::string& wanted : path) {
    simdjson::dom::object object;
    if (element.get(object)) {
      why = &wanted == path.data()
                ? fmt::format("expected an object{}, got {}", words ? "" : " or a string", json_type(element))
                : fmt::format("the column \"{}\" is missing", printable(column_->name));
      return false;
    }
    int found = 0;
    for (const auto& [key, value] : object) {
      if (key != wanted) continue;
      if (++found > 1) fail_twice(record);
      element = value;
    }
    if (found == 0) {
      why = fmt::format("the column \"{}\" is missing", printable(column_->name));
      return false;
    }
  }
  if (words) return find_words(element, text, why);
  if (element.get(text) == simdjson::SUCCESS) return true;
  why = fmt::format("expected a string in the column \"{}\", got {}", printable(column_->name), json_type(element));
  return false;
}

bool JsonParser::find_words(simdjson::dom::element list, std::string_view& text, std::string& why) {
  simdjson::dom::array words;
  if (list.get(words)) {
    why =
        fmt::format("expected a list of words in the column \"{}\", got {}", printable(column_->name), json_type(list));
    return false;
  }
  words_.clear();
  for (bool first = true; const simdjson::dom::element element : words) {
    std::string_view word;
    if (element.get(word)) {
      why = fmt::format("expected strings alone in the list in the column \"{}\", got {} among them",
                        printable(column_->name), json_type(element));
      return false;
    }
    if (!std::exchange(first, false)) words_ += kWordMark;
    words_ += word;
  }
  text = words_;
  return true;
}

void JsonParser::observe(const Block& block, const Record& record, Head& head) {
  const simdjson::dom::element element = parse(block, record);
  if (element.is_string()) return count(element, head.values[column_index(head, "text")]);
  simdjson::dom::object object;
  if (element.get(object)) return;  // a row without a text
  size_t at = 0;                    // rows mostly name their columns in the same order
  std::vector<std::string> path;
  for (const auto& [key, value] : object) {
    const size_t column = at < head.columns.size() && head.columns[at] == key ? at : column_index(head, key);
    if (head.columns.size() > kMostColumns)
      fail_at(record, fmt::format("more than {} different columns so far; what differs from row to row belongs into "
                                  "values, not into keys",
                                  kMostColumns));
    at = column + 1;
    count(value, head.values[column]);
    if (value.is_string() || value.is_null() || value.is_number()) continue;
    path.assign(1, std::string(key));
    observe_nested(value, path, head);
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
  simdjson::dom::object object;
  if (element.get(object))
    files_.fail_without_text(record, fmt::format("expected an object or a string, got {}", json_type(element)));
  for (const auto& [key, value] : object) set(key, value);
  return row;
}

class JsonRows final : public ByteRowFormat {
 public:
  explicit JsonRows(std::string field) : field_(std::move(field)) {}
  std::unique_ptr<Splitter> splitter(const DataFile& file) const override {
    return field_.empty() ? std::make_unique<JsonSplitter>(file) : std::make_unique<DocumentSplitter>(file, field_);
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return std::make_unique<JsonParser>(files, group);
  }

 private:
  const std::string field_;
};

}  // namespace

std::unique_ptr<const RowFormat> json_format(const ReadOptions& options) {
  return std::make_unique<JsonRows>(options.json_field);
}

}  // namespace tekio
