// The table of kinds, and what their parsers share.
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "data/formats/format.h"
#include "data/source.h"
#include "data/text_stream.h"

namespace tekio {
namespace {

struct KnownFormat {
  FileKind kind;
  std::unique_ptr<const RowFormat> (*make)(const ReadOptions&);
  std::vector<std::string_view> endings;
};

const std::array<KnownFormat, 8>& known_formats() {
  static const std::array<KnownFormat, 8> formats = {{
      {FileKind::text, lines_format, {".txt"}},
      {FileKind::json, json_format, {".jsonl", ".json", ".ndjson"}},
      {FileKind::csv, csv_format, {".csv"}},
      {FileKind::tsv, tsv_format, {".tsv"}},
      {FileKind::review, review_format, {}},  // by its folder, not by its name
      {FileKind::parquet, columnar_format, {".parquet", ".geoparquet", ".gpq"}},
      {FileKind::arrow, columnar_format, {".arrow"}},
      {FileKind::memory, memory_format, {}},
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
  if (is_text(bytes)) [[likely]]
    return bytes;
  check_text(bytes, files_.list()[static_cast<size_t>(record.file)], files_.where(record));
  return bytes;
}

std::string Head::Nested::name() const { return fmt::format("{}", fmt::join(path, ".")); }

Head Head::of_names(std::vector<std::string> names) {
  Head head;
  head.set_columns(std::move(names));
  head.values.front().strings = head.rows = 1;
  head.values.front().type = "the text";
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
