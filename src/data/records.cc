// Lines, JSON arrays, CSV. Each splitter starts over at the record that was not whole, so none keeps a state between
// bytes; the caller doubles what it gives, so that a long record is walked over twice at most.
#include "data/records.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace tekio {
namespace {

constexpr size_t kNone = std::string_view::npos;

size_t find_char(std::string_view bytes, size_t from, char wanted) {
  if (from >= bytes.size()) return kNone;
  const void* found = std::memchr(bytes.data() + from, wanted, bytes.size() - from);
  return found == nullptr ? kNone : static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
}

int64_t count_lines(std::string_view bytes) { return std::count(bytes.begin(), bytes.end(), '\n'); }

bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// A byte order mark at a file's start is not data (the reference strips it from JSON and CSV, but keeps it in plain
/// text).
size_t after_mark(std::string_view bytes) { return bytes.starts_with("\xEF\xBB\xBF") ? 3 : 0; }

/// Python's universal line ends: "\n", "\r\n" and a lone "\r". Empty lines are rows; a final line end makes no further
/// row.
class LineSplitter final : public Splitter {
 public:
  using Splitter::Splitter;
  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override {
    size_t at = 0, newline = find_char(bytes, 0, '\n'), carriage = find_char(bytes, 0, '\r');
    while (at < bytes.size()) {
      if (newline != kNone && newline < at) newline = find_char(bytes, at, '\n');
      if (carriage != kNone && carriage < at) carriage = find_char(bytes, at, '\r');
      const size_t end = std::min(newline, carriage);  // kNone is the largest number
      if (end == kNone && !last) break;
      if (end != kNone && bytes[end] == '\r' && end + 1 == bytes.size() && !last)
        break;  // its "\n" may be still to come
      const size_t stop = std::min(end, bytes.size());
      records.push_back({at, stop - at, line_++, 0});
      at = stop + (end != kNone && end + 1 == newline ? 2 : 1);
    }
    return std::min(at, bytes.size());
  }
};

/// The whole file.
class ReviewSplitter final : public Splitter {
 public:
  using Splitter::Splitter;
  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override {
    if (!last) return 0;
    records.push_back({0, bytes.size(), 1, 0});
    return bytes.size();
  }
};

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
  CsvSplitter(std::string path, char delimiter) : Splitter(std::move(path)), delimiter_(delimiter) {}

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
        header_ = record;
        has_header_ = true;
      } else if (!record.empty()) {
        records.push_back({at, record.size(), line_, 0});
      }
      line_ += 1 + count_lines(record);
      at = cut.next;
    }
    return at;
  }

 private:
  char delimiter_;
  bool started_ = false, has_header_ = false;
};

}  // namespace

std::unique_ptr<Splitter> Splitter::make(FileKind kind, std::string shown_path) {
  switch (kind) {
    case FileKind::text:
      return std::make_unique<LineSplitter>(std::move(shown_path));
    case FileKind::json:
      return std::make_unique<JsonSplitter>(std::move(shown_path));
    case FileKind::csv:
      return std::make_unique<CsvSplitter>(std::move(shown_path), ',');
    case FileKind::tsv:
      return std::make_unique<CsvSplitter>(std::move(shown_path), '\t');
    case FileKind::review:
      break;
  }
  return std::make_unique<ReviewSplitter>(std::move(shown_path));
}

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

}  // namespace tekio
