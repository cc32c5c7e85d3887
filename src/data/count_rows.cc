// Rows are counted from what files say of themselves (a footer), from what was read of them before, else by reading.
#include "data/count_rows.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "data/record_parser.h"
#include "data/store_cache.h"
#include "data/text_stream.h"

namespace tekio {
namespace {

std::mutex counts_mutex;
std::map<StoreKey, RowCount> counts;  // by what decides which rows a file has

}  // namespace

CountedFile::CountedFile(const Files& files, size_t file) : files_(files), file_(file), key_(rows_key(files, file)) {}

std::optional<RowCount> CountedFile::known() const {
  const std::lock_guard lock(counts_mutex);
  const auto found = counts.find(key_);
  return found == counts.end() ? std::nullopt : std::optional(found->second);
}

void CountedFile::remember(const RowCount& count) const {
  if (rows_key(files_, file_) != key_) return;  // it changed meanwhile
  const std::lock_guard lock(counts_mutex);
  counts.insert_or_assign(key_, count);
}

/// Counts one file's rows; no more than `most` if it must be read for it.
RowCount Files::count_file(size_t file, int64_t most) const {
  const RowFormat& kind = format(static_cast<size_t>(files_[file].group));
  if (options_.bad_rows != BadRows::skip)
    if (const auto count = told(file).count) return {count->rows, count->bytes};
  fetch();
  const CountedFile counted(*this, file);
  if (const auto known = counted.known()) return *known;
  RowCount count;
  BlockReader reader(*this, file, file + 1, Columns::text);
  Block block;
  while (count.rows < most) {
    if (!reader.next(block)) {
      count.skipped = reader.skipped();
      counted.remember(count);
      break;
    }
    const std::string_view bytes(block.bytes.data(), block.size);
    if (kind.rows_are_lines() && !is_text(bytes))  // what is refused when it is read must not be counted either
      for (const Record& record : block.records) check_text(block.text(record), files_[file], where(record));
    count.rows += static_cast<int64_t>(block.records.size());
    for (const Record& record : block.records) count.bytes += static_cast<int64_t>(record.size);
  }
  return count;
}

const RowCount& Files::count() const {
  {
    const std::lock_guard lock(mutex_);
    if (count_) return *count_;
  }
  if (options_.bad_rows != BadRows::skip) ask_ends();
  RowCount all;
  for (size_t file = 0; file < files_.size(); ++file) {
    const RowCount one = count_file(file, std::numeric_limits<int64_t>::max());
    all.rows += one.rows;
    all.bytes += one.bytes;
    all.skipped += one.skipped;
  }
  const std::lock_guard lock(mutex_);
  if (!count_) count_ = std::make_unique<const RowCount>(all);
  return *count_;
}

int64_t Files::rows() const { return count().rows; }

int64_t Files::row_bytes() const { return count().bytes; }

int64_t Files::skipped_rows() const {
  const auto known = known_skipped_rows();
  return known ? *known : count().skipped;
}

std::optional<int64_t> Files::known_skipped_rows() const {
  if (options_.bad_rows == BadRows::stop) return 0;
  {
    const std::lock_guard lock(mutex_);
    if (count_) return count_->skipped;
    if (skipped_rows_) return skipped_rows_;
  }
  fetch();
  int64_t skipped = 0;
  for (size_t file = 0; file < files_.size(); ++file) {
    const auto known = CountedFile(*this, file).known();
    if (!known) return std::nullopt;
    skipped += known->skipped;
  }
  return skipped;
}

void Files::remember_skipped_rows(int64_t count) const {
  const std::lock_guard lock(mutex_);
  skipped_rows_ = count;
}

int64_t Files::rows_up_to(int64_t most) const {
  int64_t rows = 0;
  for (size_t file = 0; file < files_.size() && rows < most; ++file) rows += count_file(file, most - rows).rows;
  return std::min(rows, most);
}

}  // namespace tekio
