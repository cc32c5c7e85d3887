// Types from their letters, and what is checked of arrays before any value is read.
#include "data/formats/arrow_data.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/error.h"

namespace tekio {
namespace {

using Kind = ArrowType::Kind;

constexpr int kTypeDepth = 64;
constexpr int64_t kTypeColumns = 20'000;
constexpr int64_t kArrayRows = int64_t{1} << 56;

struct Letters {
  std::string_view letters;
  Kind kind;
  int64_t bytes;
  const char* shown;
};
constexpr Letters kLetters[] = {{"n", Kind::null, 0, "null"},
                                {"b", Kind::boolean, 0, "bool"},
                                {"c", Kind::integer, 1, "int8"},
                                {"C", Kind::natural, 1, "uint8"},
                                {"s", Kind::integer, 2, "int16"},
                                {"S", Kind::natural, 2, "uint16"},
                                {"i", Kind::integer, 4, "int32"},
                                {"I", Kind::natural, 4, "uint32"},
                                {"l", Kind::integer, 8, "int64"},
                                {"L", Kind::natural, 8, "uint64"},
                                {"e", Kind::real, 2, "float16"},
                                {"f", Kind::real, 4, "float32"},
                                {"g", Kind::real, 8, "float64"},
                                {"u", Kind::string, 4, "string"},
                                {"U", Kind::large_string, 8, "large_string"},
                                {"vu", Kind::string_view, 16, "string_view"},
                                {"z", Kind::binary, 4, "binary"},
                                {"Z", Kind::large_binary, 8, "large_binary"},
                                {"vz", Kind::binary_view, 16, "binary_view"},
                                {"tdD", Kind::date, 4, "date"},
                                {"tdm", Kind::date, 8, "date"},
                                {"tts", Kind::time, 4, "time"},
                                {"ttm", Kind::time, 4, "time"},
                                {"ttu", Kind::time, 8, "time"},
                                {"ttn", Kind::time, 8, "time"},
                                {"tDs", Kind::duration, 8, "duration"},
                                {"tDm", Kind::duration, 8, "duration"},
                                {"tDu", Kind::duration, 8, "duration"},
                                {"tDn", Kind::duration, 8, "duration"},
                                {"tiM", Kind::interval, 4, "interval"},
                                {"tiD", Kind::interval, 8, "interval"},
                                {"tin", Kind::interval, 16, "interval"},
                                {"+s", Kind::structure, 0, "struct"},
                                {"+l", Kind::list, 4, "list"},
                                {"+L", Kind::large_list, 8, "large_list"},
                                {"+vl", Kind::list_view, 4, "list_view"},
                                {"+vL", Kind::large_list_view, 8, "large_list_view"},
                                {"+m", Kind::map, 4, "map"}};

const Letters* letters_of(std::string_view format) {
  for (const Letters& known : kLetters)
    if (known.letters == format) return &known;
  return nullptr;
}

int64_t units_of(char unit) { return unit == 's' ? 1 : unit == 'm' ? 1000 : unit == 'u' ? 1'000'000 : 1'000'000'000; }

/// "19,10,128": up to three numbers; false if it is something else.
bool numbers_of(std::string_view text, std::vector<int64_t>& numbers) {
  const char *at = text.data(), *const end = at + text.size();
  while (numbers.size() < 3) {
    int64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return false;
    numbers.push_back(number);
    if (next == end) return true;
    if (*next != ',') return false;
    at = next + 1;
  }
  return false;
}

/// Letters with numbers or names behind them; Kind::other where they are none of ours.
void parse_format(ArrowType& type) {
  const std::string_view format = type.format;
  if (const Letters* known = letters_of(format)) {
    type.kind = known->kind;
    type.bytes = known->bytes;
    if (format.size() == 3 && format[0] == 't' && format != "tdD") type.per_second = units_of(format[2]);
    return;
  }
  std::vector<int64_t> numbers;
  if (format.starts_with("ts") && format.size() >= 4 && format[3] == ':') {
    type.kind = Kind::timestamp;
    type.bytes = 8;
    type.per_second = units_of(format[2]);
    type.has_zone = format.size() > 4;
  } else if (format.starts_with("d:") && numbers_of(format.substr(2), numbers) && numbers.size() >= 2) {
    const int64_t bits = numbers.size() == 3 ? numbers[2] : 128;
    const bool known = bits == 32 || bits == 64 || bits == 128 || bits == 256;
    if (!known || numbers[1] < -1000 || numbers[1] > 1000) return;
    type.kind = Kind::decimal;
    type.bytes = bits / 8;
    type.scale = static_cast<int32_t>(numbers[1]);
  } else if (format.starts_with("w:") && numbers_of(format.substr(2), numbers) && numbers.size() == 1) {
    type.kind = Kind::fixed_binary;
    type.bytes = numbers[0];
  } else if (format.starts_with("+w:") && numbers_of(format.substr(3), numbers) && numbers.size() == 1) {
    type.kind = Kind::fixed_list;
    type.bytes = numbers[0];
  }
  if (type.bytes < 0 || type.bytes > int64_t{1} << 31) type.kind = Kind::other;
}

[[noreturn]] void fail_type(const ArrowType& type, const char* what) {
  fail(ErrorKind::input, "the column \"{}\" of type {} {}", printable(type.name), printable(type.shown()), what);
}

/// Children that a type of this kind has; -1: any number.
int64_t children_of(Kind kind) {
  switch (kind) {
    case Kind::structure:
    case Kind::other:
      return -1;
    case Kind::list:
    case Kind::large_list:
    case Kind::fixed_list:
    case Kind::list_view:
    case Kind::large_list_view:
    case Kind::map:
      return 1;
    default:
      return 0;
  }
}

ArrowType type_of(const ArrowSchema& schema, int depth, int64_t& columns) {
  if (depth > kTypeDepth) fail(ErrorKind::input, "a column's type is nested more than {} deep", kTypeDepth);
  if (++columns > kTypeColumns) fail(ErrorKind::input, "there are more than {} columns", kTypeColumns);
  ArrowType type;
  type.name = schema.name == nullptr ? "" : schema.name;
  type.format = schema.format == nullptr ? "" : schema.format;
  parse_format(type);
  const int64_t wanted = children_of(type.kind);
  if (schema.n_children < 0 || (wanted >= 0 && schema.n_children != wanted) ||
      (schema.n_children > 0 && schema.children == nullptr))
    fail_type(type, "has not the children of one");
  for (int64_t i = 0; i < schema.n_children; ++i) {
    if (schema.children[i] == nullptr) fail_type(type, "lacks a child");
    type.children.push_back(type_of(*schema.children[i], depth + 1, columns));
  }
  if (type.kind == Kind::map && (type.children[0].kind != Kind::structure || type.children[0].children.size() != 2))
    fail_type(type, "has no pairs of keys and values");
  if (schema.dictionary != nullptr) {
    if (type.kind != Kind::integer && type.kind != Kind::natural) fail_type(type, "cannot number a dictionary");
    type.dictionary = std::make_unique<ArrowType>(type_of(*schema.dictionary, depth + 1, columns));
  }
  return type;
}

/// Buffers of an array of this kind, the bits that say what is null among them.
int64_t buffers_of(Kind kind) {
  switch (kind) {
    case Kind::null:
    case Kind::other:
      return 0;
    case Kind::structure:
    case Kind::fixed_list:
      return 1;
    case Kind::string:
    case Kind::large_string:
    case Kind::binary:
    case Kind::large_binary:
    case Kind::string_view:
    case Kind::binary_view:
    case Kind::list_view:
    case Kind::large_list_view:
      return 3;
    default:
      return 2;
  }
}

bool is_view(Kind kind) { return kind == Kind::string_view || kind == Kind::binary_view; }

}  // namespace

ArrowType ArrowType::of(const ArrowSchema& schema) {
  int64_t columns = 0;
  return type_of(schema, 0, columns);
}

bool ArrowType::is_text() const {
  if (dictionary) return dictionary->is_text();
  return kind == Kind::string || kind == Kind::large_string || kind == Kind::string_view;
}

bool ArrowType::is_word_list() const {
  switch (kind) {
    case Kind::list:
    case Kind::large_list:
    case Kind::fixed_list:
    case Kind::list_view:
    case Kind::large_list_view:
      return !dictionary && !children.empty() && children[0].is_text();
    default:
      return false;
  }
}

std::string ArrowType::shown() const {
  if (dictionary) return "dictionary of " + dictionary->plural();
  if (const Letters* known = letters_of(format); known != nullptr && (children_of(kind) != 1 || children.empty()))
    return known->shown;
  switch (kind) {
    case Kind::timestamp:
      return "timestamp";
    case Kind::decimal:
      return "decimal";
    case Kind::fixed_binary:
      return "fixed_size_binary";
    case Kind::map:
      return "map";
    case Kind::other:
      return fmt::format("\"{}\"", format);
    default:
      return children.empty() ? "list" : "list of " + children[0].plural();
  }
}

std::string ArrowType::plural() const {
  if (!dictionary && is_text()) return "strings";
  if (!dictionary && children_of(kind) == 1 && kind != Kind::map && !children.empty())
    return "lists of " + children[0].plural();
  if (kind == Kind::structure || kind == Kind::map) return kind == Kind::map ? "maps" : "structs";
  return shown() + " values";
}

const ArrowType* ArrowType::child(std::string_view child_name) const {
  const auto found =
      std::find_if(children.begin(), children.end(), [&](const auto& c) { return c.name == child_name; });
  return found == children.end() ? nullptr : &*found;
}

void check_array(const ArrowType& type, const ArrowArray& array, int64_t rows) {
  if (array.release == nullptr) fail_type(type, "has no array");
  if (array.length < rows || array.offset < 0 || array.length > kArrayRows || array.offset > kArrayRows)
    fail_type(type, "has fewer values than rows");
  const int64_t held = array.length + array.offset;
  const int64_t buffers = buffers_of(type.kind);
  if (array.n_buffers < buffers || (buffers > 0 && array.buffers == nullptr))
    fail_type(type, "has not the buffers of one");
  const bool views = is_view(type.kind);
  for (int64_t i = 1; i < (views ? 2 : buffers); ++i) {
    const bool may_lack = held == 0 || i == 2;  // no bytes where all texts are empty
    if (array.buffers[i] == nullptr && !may_lack) fail_type(type, "lacks a buffer");
  }
  if (array.n_children != static_cast<int64_t>(type.children.size()) ||
      (array.n_children > 0 && array.children == nullptr))
    fail_type(type, "has not the children of one");
  for (size_t i = 0; i < type.children.size(); ++i) {
    if (array.children[i] == nullptr) fail_type(type, "lacks a child");
    int64_t least = 0;
    if (type.kind == Kind::structure) least = held;
    if (type.kind == Kind::fixed_list && __builtin_mul_overflow(held, type.bytes, &least))
      fail_type(type, "has fewer values than rows");
    check_array(type.children[i], *array.children[i], least);
  }
  if (type.dictionary) {
    if (array.dictionary == nullptr) fail_type(type, "has no dictionary");
    check_array(*type.dictionary, *array.dictionary, 0);
  }
}

bool ArrowPath::find(const ArrowType& table, const std::vector<std::string>& keys, ArrowPath& path) {
  path.types_.assign(1, &table);
  path.places_.clear();
  for (const std::string& key : keys) {
    const ArrowType& at = *path.types_.back();
    const ArrowType* const next = at.kind == Kind::structure ? at.child(key) : nullptr;
    if (next == nullptr) return false;
    path.places_.push_back(static_cast<size_t>(next - at.children.data()));
    path.types_.push_back(next);
  }
  return true;
}

bool ArrowPath::at(const ArrowArray& batch, int64_t& row, const ArrowArray*& array) const {
  array = &batch;
  for (size_t depth = 0; depth < places_.size(); ++depth) {
    if (is_null(*types_[depth], *array, row)) return false;
    row += array->offset;
    array = array->children[places_[depth]];
  }
  return !is_null(type(), *array, row);
}

}  // namespace tekio
