// A source's rows in its order: straight from the files, or gathered.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "data/source.h"

namespace tekio {

int64_t DatasetSource::size() const {
  if (picked) return static_cast<int64_t>(picked->size());
  return (end < 0 ? files->rows() : end) - begin;
}

std::shared_ptr<const DatasetSource> DatasetSource::pick(const DatasetSource& from, std::vector<int64_t> rows) {
  auto made = std::make_shared<DatasetSource>();
  made->files = from.files;
  for (int64_t& row : rows) row = from.file_row(row);
  made->picked = std::make_shared<const std::vector<int64_t>>(std::move(rows));
  return made;
}

SourceReader::SourceReader(const DatasetSource& source, Columns columns, int64_t gather_bytes)
    : source_(source), columns_(columns), gather_bytes_(gather_bytes), packed_bytes_(0) {
  source.files->fetch();
  packed_bytes_ = source.files->packed_bytes();
}

bool SourceReader::next_pending(Block& block) { return source_.picked ? next_gathered(block) : next_streamed(block); }

bool SourceReader::next(Block& block) {
  if (!next_pending(block)) return false;
  block.load();
  return true;
}

double SourceReader::progress() const {
  if (source_.picked)
    return source_.picked->empty() ? 1 : static_cast<double>(emitted_) / static_cast<double>(source_.picked->size());
  if (reader_ == nullptr || packed_bytes_ == 0) return 0;
  return std::min(1.0, static_cast<double>(reader_->consumed()) / static_cast<double>(packed_bytes_));
}

bool SourceReader::next_streamed(Block& block) {
  if (!reader_) reader_ = std::make_unique<BlockReader>(*source_.files, 0, source_.files->list().size(), columns_);
  while (source_.end < 0 || row_ < source_.end) {
    if (!reader_->next(block)) return false;
    const auto count = static_cast<int64_t>(block.records.size());
    const int64_t first = row_;
    row_ += count;
    if (source_.end >= 0 && row_ > source_.end) block.records.resize(static_cast<size_t>(source_.end - first));
    if (first < source_.begin) {
      if (row_ <= source_.begin) continue;
      block.records.erase(block.records.begin(), block.records.begin() + (source_.begin - first));
    }
    return true;
  }
  return false;
}

bool SourceReader::next_gathered(Block& block) {
  block.clear();
  if (emitted_ == static_cast<int64_t>(source_.picked->size())) return false;
  if (emitted_ == gathered_end_) gather();
  while (emitted_ < gathered_end_ && block.size < Block::kBytes) {
    Record record = gathered_.records[static_cast<size_t>(emitted_++ - gathered_begin_)];
    const std::string_view text = gathered_.text(record);
    record.begin = block.size;
    block.append(text);
    block.records.push_back(record);
  }
  return true;
}

void SourceReader::gather() {
  const auto left = static_cast<int64_t>(source_.picked->size()) - emitted_;
  const int64_t mean = std::max<int64_t>(1, source_.files->row_bytes() / std::max<int64_t>(1, source_.files->rows()));
  // Rows picked may be longer than the mean: where they are much longer, start over with fewer.
  for (int64_t count = std::clamp<int64_t>(gather_bytes_ / mean, 1, left); !try_gather(count);) count = (count + 1) / 2;
}

/// One pass: collects the next `count` rows. False, with nothing collected, if they take more than twice the room meant
/// for them.
bool SourceReader::try_gather(int64_t count) {
  std::vector<std::pair<int64_t, int64_t>> wanted;  // (row of the files, place among the gathered), by row
  for (int64_t i = 0; i < count; ++i) wanted.emplace_back(source_.file_row(emitted_ + i), i);
  std::sort(wanted.begin(), wanted.end());
  gathered_.clear();
  gathered_.records.resize(static_cast<size_t>(count));
  BlockReader reader(*source_.files, 0, source_.files->list().size(), columns_);
  Block block;
  size_t at = 0;
  for (int64_t first = 0; at < wanted.size() && reader.next(block);
       first += static_cast<int64_t>(block.records.size())) {
    if (wanted[at].first < first + static_cast<int64_t>(block.records.size())) block.load();
    while (at < wanted.size() && wanted[at].first < first + static_cast<int64_t>(block.records.size())) {
      const int64_t row = wanted[at].first;
      Record record = block.records[static_cast<size_t>(row - first)];
      const std::string_view text = block.text(record);
      record.begin = gathered_.size;
      gathered_.append(text);
      for (; at < wanted.size() && wanted[at].first == row; ++at)
        gathered_.records[static_cast<size_t>(wanted[at].second)] = record;
      if (count > 1 && static_cast<int64_t>(gathered_.size) > 2 * gather_bytes_) return false;
    }
  }
  if (at < wanted.size())
    fail(ErrorKind::input, "row {} of {} was not found again: the files changed while they were read; run again",
         wanted[at].first, printable(source_.files->list().front().path.string(), 300));
  gathered_begin_ = emitted_;
  gathered_end_ = emitted_ + count;
  return true;
}

}  // namespace tekio
