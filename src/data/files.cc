// What is known of a split's files without keeping their rows: columns from the beginning, counts from one pass.
#include <algorithm>

#include "base/error.h"
#include "data/record_parser.h"

namespace tekio {
namespace fs = std::filesystem;

Files::Files(std::vector<DataFile> files, std::vector<std::string> group_specs)
    : files_(std::move(files)),
      group_specs_(std::move(group_specs)),
      heads_(group_specs_.size()),
      beginnings_(group_specs_.size()) {}

namespace {

constexpr int64_t kHeadBytes = 10 << 20;

bool is_table(FileKind kind) { return kind == FileKind::csv || kind == FileKind::tsv; }

bool has_column(const Head& head, std::string_view name) {
  return std::find(head.columns.begin(), head.columns.end(), name) != head.columns.end();
}

/// Reads one file's beginning into `head`: all of it, or until the column `until` was met or is known to be missing.
/// True if that was the whole head.
bool observe_file(const Files& files, size_t file, std::optional<std::string_view> until, Head& head) {
  BlockReader reader(files, file, file + 1, false);
  RecordParser parser(files);
  Block block;
  int64_t seen = 0;
  const FileKind kind = files.list()[file].kind;
  while (seen < kHeadBytes) {
    const bool more = reader.next(block);
    if (is_table(kind) && head.columns.empty() && !reader.header().empty()) {
      head.columns = header_names(reader.header(), kind);
      head.types.assign(head.columns.size(), Head::Type::unknown);
    }
    if (!more) break;
    for (const Record& record : block.records) parser.observe(block, record, head);
    seen += static_cast<int64_t>(block.size);
    if (until && has_column(head, *until)) return false;
  }
  return true;
}

}  // namespace

const Head& Files::head(size_t group) const { return observe(group, std::nullopt); }
const Head& Files::beginning(size_t group, std::string_view column) const { return observe(group, column); }

const Head& Files::observe(size_t group, std::optional<std::string_view> until) const {
  const std::lock_guard lock(mutex_);
  if (heads_[group]) return *heads_[group];
  std::unique_ptr<Head>& beginning = beginnings_[group];
  if (until && beginning && has_column(*beginning, *until)) return *beginning;
  if (beginning) until.reset();  // somebody may still look at it
  auto made = std::make_unique<Head>();
  bool whole = true;
  for (size_t i = 0; i < files_.size() && !made->has_rows; ++i) {
    if (files_[i].group != static_cast<int32_t>(group)) continue;
    if (files_[i].kind == FileKind::text) *made = {{"text"}, {Head::Type::text}, true};
    if (files_[i].kind == FileKind::review) *made = {{"text", "label"}, {Head::Type::text, Head::Type::number}, true};
    if (made->has_rows) break;
    *made = Head();
    whole = observe_file(*this, i, until, *made);
  }
  std::unique_ptr<Head>& head = whole ? heads_[group] : beginning;
  head = std::move(made);
  return *head;
}

int64_t Files::rows() const {
  {
    const std::lock_guard lock(mutex_);
    if (rows_ >= 0) return rows_;
  }
  BlockReader reader(*this, 0, files_.size());
  Block block;
  int64_t rows = 0, row_bytes = 0;
  while (reader.next(block)) {
    rows += static_cast<int64_t>(block.records.size());
    for (const Record& record : block.records) row_bytes += static_cast<int64_t>(record.size);
  }
  const std::lock_guard lock(mutex_);
  row_bytes_ = row_bytes;
  return rows_ = rows;
}

int64_t Files::row_bytes() const {
  rows();
  const std::lock_guard lock(mutex_);
  return row_bytes_;
}

uint64_t Files::packed_bytes() const {
  uint64_t bytes = 0;
  for (const DataFile& file : files_) {
    std::error_code error;
    const uint64_t size = fs::file_size(file.path, error);
    if (error)
      fail(ErrorKind::io, "cannot read the size of {}: {}", printable(file.path.string(), 300), error.message());
    bytes += size;
  }
  return bytes;
}

std::string Files::where(const Record& record) const {
  return fmt::format("{}:{}", printable(files_[static_cast<size_t>(record.file)].path.string(), 300), record.line);
}

std::optional<Files::TextColumn> Files::text_column(size_t group, std::string_view wanted) const {
  const Head& head = beginning(group, wanted);
  if (!head.has_rows) return std::nullopt;
  const auto column = [&](auto at, const auto& all) {
    const auto index = static_cast<size_t>(at - all.begin());
    return TextColumn{head.columns[index], index, head.columns.size()};
  };
  const auto found = std::find(head.columns.begin(), head.columns.end(), wanted);
  if (found != head.columns.end()) return column(found, head.columns);
  const std::string names = printable(fmt::format("{}", fmt::join(head.columns, ", ")), 200);
  if (wanted == "text") {
    const auto text = std::find(head.types.begin(), head.types.end(), Head::Type::text);
    if (text != head.types.end()) return column(text, head.types);
    fail(ErrorKind::input, "{}: no column holds text; there are: {}", printable(group_specs_[group], 300), names);
  }
  const std::string near = nearest(wanted, head.columns);
  fail(ErrorKind::input, "{}: there is no column \"{}\"{}; there are: {}", printable(group_specs_[group], 300),
       printable(wanted), near.empty() ? "" : fmt::format(" (is \"{}\" meant?)", printable(near)), names);
}

}  // namespace tekio
