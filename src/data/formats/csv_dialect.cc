// The header decides: what does not stand in it cannot separate columns. The records confirm.
#include "data/formats/csv_dialect.h"

#include <algorithm>

#include "base/error.h"

namespace tekio {
namespace {

constexpr size_t kSample = 1000;  // records that are looked at, as far as they are within the first bytes

/// How a separator would cut the first records.
struct Cut {
  char separator;
  size_t fields = 0;             // of the first record
  size_t records = 0, same = 0;  // behind it; those of them with as many fields
  bool longer = false;           // some have more

  bool fits() const { return fields > 1 && same == records; }
  bool may_fit() const { return fields > 1 && !longer; }
};

Cut cut_by(std::string_view bytes, bool last, char separator) {
  Cut cut{separator};
  std::vector<std::string_view> fields;
  std::string scratch;
  for (size_t at = 0, seen = 0; at < bytes.size() && seen < kSample;) {
    const CsvEnd end = csv_end(bytes, at, separator, last);
    if (end.end == kNone) break;
    const std::string_view record = bytes.substr(at, end.end - at);
    at = end.next;
    if (record.empty()) continue;
    split_fields(record, separator, fields, scratch);
    if (seen++ == 0) {
      cut.fields = fields.size();
      continue;
    }
    ++cut.records;
    cut.same += fields.size() == cut.fields;
    cut.longer = cut.longer || fields.size() > cut.fields;
  }
  return cut;
}

char recognised(std::string_view bytes, bool last, const CsvOptions& options, const std::string& shown_path) {
  std::vector<Cut> cuts = {cut_by(bytes, last, options.usual)};  // first, so that it is preferred among equals
  for (const char separator : kCsvSeparators)
    if (separator != options.usual) cuts.push_back(cut_by(bytes, last, separator));
  if (!options.names.empty()) {  // a column each
    std::erase_if(cuts, [&](const Cut& cut) { return cut.fields != options.names.size(); });
    if (cuts.empty()) return options.usual;
  }
  for (const auto fits : {&Cut::fits, &Cut::may_fit}) {
    std::vector<Cut> fitting;
    std::copy_if(cuts.begin(), cuts.end(), std::back_inserter(fitting), [&](const Cut& cut) { return (cut.*fits)(); });
    if (fitting.empty()) continue;
    const Cut& first = fitting.front();
    const bool most =
        std::all_of(fitting.begin(), fitting.end(), [&](const Cut& c) { return c.fields <= first.fields; });
    if (fitting.size() == 1 || (first.separator == options.usual && most)) return first.separator;
    std::vector<std::string> names;
    for (const Cut& cut : fitting)
      names.push_back(fmt::format("{} ({} columns)", separator_name(cut.separator), cut.fields));
    fail(ErrorKind::input, "{}: what separates its columns is not clear: {} all fit; name it with --csv_separator",
         shown_path, fmt::join(names, ", "));
  }
  return options.usual;
}

/// Excel's "sep=;", alone in the first line.
bool read_separator_line(std::string_view bytes, bool last, CsvDialect& dialect) {
  const size_t quoted = bytes.starts_with('"');
  if (bytes.size() < quoted + 5) return false;
  std::string start(bytes.substr(quoted, 4));
  std::transform(start.begin(), start.end(), start.begin(), [](unsigned char c) { return std::tolower(c); });
  if (start != "sep=" || bytes[quoted + 4] == '\r' || bytes[quoted + 4] == '\n') return false;
  size_t end = quoted + 5;
  if (quoted != 0 && end < bytes.size() && bytes[end] == '"') ++end;
  const CsvEnd line = end == bytes.size() ? CsvEnd{} : csv_end(bytes, end, '\0', last);
  if (line.end != end) return false;
  dialect.separator = bytes[quoted + 4];
  dialect.told = true;
  dialect.bytes_skipped = line.next;
  dialect.lines_skipped = 1;
  return true;
}

}  // namespace

CsvDialect find_dialect(std::string_view bytes, bool last, const CsvOptions& options, const std::string& shown_path) {
  CsvDialect dialect;
  const bool told = read_separator_line(bytes, last, dialect);
  if (options.separator != '\0') {
    dialect.separator = options.separator;
    dialect.told = true;
  } else if (!told) {
    dialect.separator = recognised(bytes, last, options, shown_path);
  }
  return dialect;
}

CsvEnd csv_end(std::string_view bytes, size_t at, char separator, bool last) {
  bool torn = false;
  for (bool field_start = true; at < bytes.size();) {
    const char c = bytes[at];
    if (field_start && c == '"') {
      const size_t opened = at;
      for (++at;; at += 2) {
        at = find_char(bytes, at, '"');
        if (at == kNone) return {.in_quotes = true};
        if (at + 1 == bytes.size() && !last) return {};  // may be the first half of a doubled quote
        if (at + 1 == bytes.size() || bytes[at + 1] != '"') break;
      }
      field_start = false;
      ++at;
      const bool ends = at == bytes.size() || bytes[at] == separator || bytes[at] == '\n' || bytes[at] == '\r';
      torn = torn || (!ends && bytes.substr(opened, at - opened).find_first_of("\r\n") != kNone);
    } else if (c == '\n') {
      return {at, at + 1, false, torn};
    } else if (c == '\r') {
      if (at + 1 == bytes.size() && !last) return {};
      return {at, at + (at + 1 < bytes.size() && bytes[at + 1] == '\n' ? 2 : 1), false, torn};
    } else {
      field_start = c == separator;
      ++at;
    }
  }
  return last ? CsvEnd{bytes.size(), bytes.size(), false, torn} : CsvEnd{};
}

char separator_behind_title(std::string_view bytes, bool last) {
  for (const char separator : kCsvSeparators)
    if (const Cut cut = cut_by(bytes, last, separator); cut.fits() && cut.records > 0) return separator;
  return '\0';
}

void split_fields(std::string_view record, char separator, std::vector<std::string_view>& fields,
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
      const size_t end = std::min(find_char(record, std::min(at + 1, record.size()), separator), record.size());
      if (at + 1 < end) scratch.append(record.substr(at + 1, end - at - 1));
      fields.emplace_back(scratch.data() + begin, scratch.size() - begin);
      at = end;
    } else {
      const size_t end = std::min(find_char(record, at, separator), record.size());
      fields.push_back(record.substr(at, end - at));
      at = end;
    }
    if (at >= record.size()) return;
  }
}

std::string separator_name(char separator) {
  switch (separator) {
    case ',':
      return "a comma";
    case ';':
      return "a semicolon";
    case '\t':
      return "a tab";
    case '|':
      return "a bar (|)";
    default:
      return fmt::format("\"{}\"", printable(std::string(1, separator)));
  }
}

}  // namespace tekio
