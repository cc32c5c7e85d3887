// The table of kinds, and what their parsers share.
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "data/formats/format.h"
#include "data/source.h"

namespace tekio {
namespace {

struct KnownFormat {
  FileKind kind;
  std::unique_ptr<const RowFormat> (*make)(const ReadOptions&);
  std::vector<std::string_view> endings;
};

const std::array<KnownFormat, 5>& known_formats() {
  static const std::array<KnownFormat, 5> formats = {{
      {FileKind::text, lines_format, {".txt"}},
      {FileKind::json, json_format, {".jsonl", ".json", ".ndjson"}},
      {FileKind::csv, csv_format, {".csv"}},
      {FileKind::tsv, tsv_format, {".tsv"}},
      {FileKind::review, review_format, {}},  // by its folder, not by its name
  }};
  return formats;
}

}  // namespace

std::unique_ptr<const RowFormat> make_format(FileKind kind, const ReadOptions& options) {
  for (const KnownFormat& known : known_formats())
    if (known.kind == kind) return known.make(options);
  TEKIO_CHECK(false, "no format for the kind {}", static_cast<int>(kind));
}

std::optional<FileKind> kind_of_ending(std::string_view ending) {
  for (const KnownFormat& known : known_formats())
    if (std::find(known.endings.begin(), known.endings.end(), ending) != known.endings.end()) return known.kind;
  return std::nullopt;
}

void RowParser::fail_at(const Record& record, const std::string& what) const {
  fail(ErrorKind::input, "{}: {}", files_.where(record), what);
}

std::string_view RowParser::utf8(const Block& block, const Record& record) const {
  const std::string_view bytes = block.text(record);
  if (!simdjson::validate_utf8(bytes.data(), bytes.size())) [[unlikely]]
    check_utf8(bytes, files_.where(record));
  return bytes;
}

void check_utf8(std::string_view bytes, const std::string& where) {
  if (simdjson::validate_utf8(bytes.data(), bytes.size())) return;
  size_t good = 0;  // bytes before the first that is wrong: the longest valid beginning
  while (good < bytes.size()) {
    size_t length = 1;
    while (length <= 4 && good + length <= bytes.size() && !simdjson::validate_utf8(bytes.data() + good, length))
      ++length;
    if (length > 4 || good + length > bytes.size()) break;
    good += length;
  }
  fail(ErrorKind::input,
       "{}: byte 0x{:02X} at column {} is not UTF-8; convert the file (iconv -f WINDOWS-1252 -t UTF-8, if it is from "
       "there)",
       where, static_cast<unsigned char>(bytes[std::min(good, bytes.size() - 1)]), good + 1);
}

std::string Head::Nested::name() const { return fmt::format("{}", fmt::join(path, ".")); }

Head Head::of_names(std::vector<std::string> names) {
  Head head;
  head.set_columns(std::move(names));
  head.values.front().strings = head.rows = 1;
  return head;
}

void Head::set_columns(std::vector<std::string> names) {
  columns = std::move(names);
  values.assign(columns.size(), {});
}

int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::string json_quoted(std::string_view text) { return nlohmann::json(text).dump(); }

}  // namespace tekio
