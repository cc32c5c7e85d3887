// A document is not held in memory: keys must be whole within what is read at a time, rows too, and nothing else.
#include "data/formats/json_document.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace tekio {
namespace {

/// The end of the element that begins at `at`: the first , or ] outside of it. kNone if that is not there yet.
size_t element_end(std::string_view bytes, size_t at) {
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

/// Behind the string that begins at `at`; kNone if its end is not there.
size_t string_end(std::string_view bytes, size_t at) {
  for (++at; at < bytes.size() && bytes[at] != '"'; ++at) at += bytes[at] == '\\';
  return at < bytes.size() ? at + 1 : kNone;
}

size_t behind_space(std::string_view bytes, size_t at) {
  while (at < bytes.size() && is_json_space(bytes[at])) ++at;
  return at;
}

/// What the object at the beginning of `bytes`, of which more may follow, holds.
struct Document {
  bool spans_lines = false;        // it does not end where its first line ends
  std::vector<std::string> lists;  // paths of its lists of objects or strings
};

Document look_at_document(std::string_view bytes) {
  constexpr size_t kMostLists = 20, kMostKeys = 64;
  Document document;
  std::vector<std::string> path;  // the key within each object around
  size_t inside = 0;              // brackets within a list
  std::string key;
  for (size_t at = behind_space(bytes, after_mark(bytes)); at < bytes.size(); ++at) {
    const char c = bytes[at];
    document.spans_lines = document.spans_lines || c == '\n';
    if (c == '"') {
      const size_t end = string_end(bytes, at);
      if (end == kNone) break;
      if (inside == 0) key = bytes.substr(at + 1, end - at - 2);
      at = end - 1;
    } else if (inside > 0) {
      inside += c == '{' || c == '[';
      inside -= c == '}' || c == ']';
    } else if (c == '{') {
      if (path.size() == kMostKeys) break;
      path.push_back(key);
    } else if (c == '}') {
      if (path.empty()) break;
      key = path.back();
      path.pop_back();
      if (path.empty()) break;
    } else if (c == '[') {
      if (path.empty()) break;
      inside = 1;
      const size_t first = behind_space(bytes, at + 1);
      if (first < bytes.size() && (bytes[first] == '{' || bytes[first] == '"') && document.lists.size() < kMostLists) {
        std::vector<std::string> names(path.begin() + 1, path.end());
        names.push_back(key);
        document.lists.push_back(fmt::format("{}", fmt::join(names, ".")));
      }
    }
  }
  return document;
}

}  // namespace

size_t JsonSplitter::split(std::string_view bytes, bool last, std::vector<Record>& records) {
  size_t at = 0;
  if (place_ == Place::start) {
    at = skip_space(bytes, after_mark(bytes));
    if (at == bytes.size()) return at;
    if (bytes[at] == '[') {
      enter_array();
      ++at;
    } else {
      refuse_document(bytes);
      place_ = Place::lines;
    }
  }
  if (place_ == Place::lines) return split_lines(bytes, at, last, records);
  if (in_array()) at = split_elements(bytes, at, last, records);
  if (in_array()) return at;
  at = skip_space(bytes, at);
  if (at < bytes.size())
    fail(ErrorKind::input, "{}:{}: more follows after the array's end; a .json file is one array, or one object a line",
         path_, line_);
  return at;
}

/// An object that spans lines cannot be JSON Lines; where it holds lists, its rows are the elements of one of them.
void JsonSplitter::refuse_document(std::string_view bytes) const {
  const size_t first_line = bytes.find('\n');
  if (first_line == kNone) return;
  const Document document = look_at_document(bytes);
  if (!document.spans_lines || document.lists.empty()) return;
  fail(ErrorKind::input, "{}: it is one JSON document, whose rows are {}: pass --json_field {}", path_,
       document.lists.size() == 1 ? "the elements of a list in it" : "the elements of one of the lists in it",
       printable(fmt::format("{}", fmt::join(document.lists, " or ")), 300));
}

size_t JsonSplitter::skip_space(std::string_view bytes, size_t at) {
  for (; at < bytes.size() && is_json_space(bytes[at]); ++at) line_ += bytes[at] == '\n';
  return at;
}

size_t JsonSplitter::split_lines(std::string_view bytes, size_t at, bool last, std::vector<Record>& records) {
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

size_t JsonSplitter::split_elements(std::string_view bytes, size_t at, bool last, std::vector<Record>& records) {
  for (;;) {
    at = skip_space(bytes, at);
    if (at == bytes.size()) break;
    const char c = bytes[at];
    if (place_ == Place::after_element) {  // an element ends nowhere else than at , or ]
      place_ = c == ',' ? Place::before_element : Place::behind_array;
      ++at;
      if (place_ == Place::behind_array) return at;
      continue;
    }
    if (c == ']' && !any_element_) {
      place_ = Place::behind_array;
      return at + 1;
    }
    const size_t end = element_end(bytes, at);
    if (end == kNone) {
      if (last) break;
      return at;
    }
    records.push_back({at, end - at, line_, 0});
    line_ += count_lines(bytes.substr(at, end - at));
    any_element_ = true;
    place_ = Place::after_element;
    at = end;
  }
  if (last) fail(ErrorKind::input, "{}:{}: the file ends inside its array; it is cut off", path_, line_);
  return at;
}

DocumentSplitter::DocumentSplitter(const DataFile& file, std::string field)
    : JsonSplitter(file), field_(std::move(field)) {}

void DocumentSplitter::fail_malformed(const char* expected) const {
  fail(ErrorKind::input, "{}:{}: malformed JSON: {} is expected here", path_, line_, expected);
}

size_t DocumentSplitter::split(std::string_view bytes, bool last, std::vector<Record>& records) {
  size_t at = document_ == Place::start ? after_mark(bytes) : 0;
  while (at < bytes.size()) {
    if (document_ != Place::skip && document_ != Place::rows) {
      at = skip_space(bytes, at);
      if (at == bytes.size()) break;
    }
    const size_t before = at;
    switch (document_) {
      case Place::start:
        at = enter(bytes, at);
        break;
      case Place::key:
        at = read_key(bytes, at, last);
        if (at == before && document_ == Place::key) return at;  // its end is not there yet
        break;
      case Place::value:
        at = begin_value(bytes, at);
        break;
      case Place::skip:
        at = skip_value(bytes, at);
        break;
      case Place::rows:
        at = split_elements(bytes, at, last, records);
        if (in_array()) return at;
        document_ = Place::after_value;
        break;
      case Place::after_value:
        at = after_value(bytes, at);
        break;
      case Place::end:
        fail(ErrorKind::input,
             "{}:{}: more follows after the document's end; --json_field takes rows from files of one JSON document "
             "each",
             path_, line_);
    }
  }
  if (last && document_ != Place::end && (document_ != Place::start || at > after_mark(bytes)))
    fail(ErrorKind::input, "{}:{}: the file ends inside its JSON document; it is cut off", path_, line_);
  return at;
}

size_t DocumentSplitter::enter(std::string_view bytes, size_t at) {
  if (bytes[at] != '{')
    fail(ErrorKind::input,
         "{}:{}: --json_field {} was given, but the file is not one JSON object; leave --json_field out for one array "
         "or one object a line",
         path_, line_, printable(field_));
  wanted_ = {field_};
  document_ = Place::key;
  return at + 1;
}

size_t DocumentSplitter::read_key(std::string_view bytes, size_t at, bool last) {
  if (bytes[at] == '}' && !any_key_) {
    document_ = Place::after_value;
    return at;
  }
  if (bytes[at] != '"') fail_malformed("a key");
  const size_t end = string_end(bytes, at);
  if (end == kNone) {
    if (last) fail_malformed("a key's closing quote");
    return at;
  }
  const std::string_view raw = bytes.substr(at, end - at);
  key_ = parse_json(raw, fmt::format("{}:{}", path_, line_)).get<std::string>();
  const size_t colon = behind_space(bytes, end);
  if (colon == bytes.size() && !last) return at;
  if (colon == bytes.size() || bytes[colon] != ':') fail_malformed("a colon after a key");
  line_ += count_lines(bytes.substr(at, colon - at));
  if (wanted_.size() == 1 && keys_.size() < 50) keys_.push_back(key_);
  any_key_ = true;
  document_ = Place::value;
  return colon + 1;
}

size_t DocumentSplitter::begin_value(std::string_view bytes, size_t at) {
  const std::string wanted = wanted_.back();
  if (key_ == wanted) {
    if (found_) fail(ErrorKind::input, "{}:{}: the key \"{}\" stands twice", path_, line_, printable(field_));
    if (bytes[at] != '[')
      fail(ErrorKind::input,
           "{}:{}: the value of \"{}\" is not a list; --json_field names a list of objects or strings", path_, line_,
           printable(field_));
    found_ = true;
    enter_array();
    document_ = Place::rows;
    return at + 1;
  }
  if (wanted.starts_with(key_ + ".") && bytes[at] == '{') {
    wanted_.push_back(wanted.substr(key_.size() + 1));
    any_key_ = false;
    document_ = Place::key;
    return at + 1;
  }
  document_ = Place::skip;
  depth_ = 0;
  in_string_ = escaped_ = false;
  return at;
}

size_t DocumentSplitter::skip_value(std::string_view bytes, size_t at) {
  for (; at < bytes.size(); ++at) {
    const char c = bytes[at];
    line_ += c == '\n';
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']' || c == ',') {
      if (depth_ == 0) {
        document_ = Place::after_value;
        return at;
      }
      depth_ -= c != ',';
    }
  }
  return at;
}

size_t DocumentSplitter::after_value(std::string_view bytes, size_t at) {
  if (bytes[at] == ',') {
    document_ = Place::key;
    any_key_ = true;  // "}" may not follow
  } else if (bytes[at] == '}') {
    wanted_.pop_back();
    if (wanted_.empty()) {
      check_found();
      document_ = Place::end;
    }
  } else {
    fail_malformed("a comma or the end of an object");
  }
  return at + 1;
}

void DocumentSplitter::check_found() const {
  if (found_) return;
  const std::string near = nearest(field_, keys_);
  fail(ErrorKind::input, "{}: the document has no list under \"{}\"{}; its keys: {}", path_, printable(field_),
       near.empty() ? "" : fmt::format(" (is \"{}\" meant?)", printable(near)),
       printable(fmt::format("{}", fmt::join(keys_, ", ")), 300));
}

}  // namespace tekio
