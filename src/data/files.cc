// What is known of a split's files without keeping their rows: columns from the beginning, counts from one pass.
#include <algorithm>

#include "base/error.h"
#include "data/source.h"

namespace tekio {
namespace fs = std::filesystem;

Files::Files(std::vector<DataFile> files, const std::vector<Group>& groups, ReadOptions options)
    : files_(std::move(files)), options_(std::move(options)), heads_(groups.size()), beginnings_(groups.size()) {
  for (const Group& group : groups) {
    specs_.push_back(group.spec);
    formats_.push_back(make_format(group.kind, options_));
  }
}

namespace {

constexpr int64_t kHeadBytes = 10 << 20;

bool has_column(const Head& head, std::string_view name) {
  return std::find(head.columns.begin(), head.columns.end(), name) != head.columns.end();
}

}  // namespace

/// Reads one file's beginning into `head`: all of it, or, if it need not be whole, until the text column was met. True
/// if that was the whole head.
bool Files::observe_file(size_t file, bool whole, Head& head) const {
  BlockReader reader(*this, file, file + 1, false);
  const auto group = static_cast<size_t>(files_[file].group);
  const auto parser = format(group).parser(*this, group);
  Block block;
  int64_t seen = 0;
  while (seen < kHeadBytes) {
    const bool more = reader.next(block);
    if (head.columns.empty() && !reader.header().empty()) {
      head.columns = reader.header();
      head.types.assign(head.columns.size(), Head::Type::unknown);
    }
    if (!more) break;
    head.has_rows = true;
    for (const Record& record : block.records) parser->observe(block, record, head);
    seen += static_cast<int64_t>(block.size);
    if (!whole && has_column(head, wanted())) return false;
  }
  return true;
}

const Head& Files::head(size_t group) const { return observe(group, true); }
const Head& Files::beginning(size_t group) const { return observe(group, false); }

/// Several threads may read the same head at once; all get the one that was there first.
const Head& Files::observe(size_t group, bool whole) const {
  {
    const std::lock_guard lock(mutex_);
    if (heads_[group]) return *heads_[group];
    if (!whole && beginnings_[group]) return *beginnings_[group];
  }
  auto made = std::make_unique<Head>(format(group).fixed_head().value_or(Head()));
  for (size_t i = 0; i < files_.size() && !made->has_rows; ++i) {
    if (files_[i].group != static_cast<int32_t>(group)) continue;
    *made = Head();
    whole = observe_file(i, whole, *made);
  }
  const std::lock_guard lock(mutex_);
  std::unique_ptr<const Head>& head = whole ? heads_[group] : beginnings_[group];
  if (!head) head = std::move(made);
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
    if (error) fail(ErrorKind::io, "cannot read the size of {}: {}", shown_name(file), error.message());
    bytes += size;
  }
  return bytes;
}

std::string Files::where(const Record& record) const {
  return fmt::format("{}:{}", shown_name(files_[static_cast<size_t>(record.file)]), record.line);
}

std::optional<Files::TextColumn> Files::text_column(size_t group) const {
  const Head& head = beginning(group);
  if (!head.has_rows) return std::nullopt;
  const auto column = [&](auto at, const auto& all) {
    const auto index = static_cast<size_t>(at - all.begin());
    return TextColumn{head.columns[index], index, head.columns.size()};
  };
  const auto found = std::find(head.columns.begin(), head.columns.end(), wanted());
  if (found != head.columns.end()) return column(found, head.columns);
  const std::string names = printable(fmt::format("{}", fmt::join(head.columns, ", ")), 200);
  if (wanted() == "text") {
    const auto text = std::find(head.types.begin(), head.types.end(), Head::Type::text);
    if (text != head.types.end()) return column(text, head.types);
    fail(ErrorKind::input, "{}: no column holds text; there are: {}", printable(specs_[group], 300), names);
  }
  const std::string near = nearest(wanted(), head.columns);
  fail(ErrorKind::input, "{}: there is no column \"{}\"{}; there are: {}", printable(specs_[group], 300),
       printable(wanted()), near.empty() ? "" : fmt::format(" (is \"{}\" meant?)", printable(near)), names);
}

}  // namespace tekio
