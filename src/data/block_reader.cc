// Files to blocks of records. Blocks are cut where records end, by the same rule whatever the threads behind, so all
// that is made of them is the same too.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/interruption.h"
#include "data/count_rows.h"
#include "data/record_parser.h"

namespace tekio {

void Block::clear() {
  size = 0;
  records.clear();
  pending.reset();
}

void Block::load() {
  if (const auto rows = std::move(pending)) rows->load(*this);
}

void Block::reserve(size_t count) {
  if (bytes.size() < count + kPadding) bytes.resize(count + kPadding);
}

void Block::append(std::string_view more) {
  if (bytes.size() < size + more.size() + kPadding)
    bytes.resize(std::max(size + more.size() + kPadding, bytes.size() * 2));
  more.copy(bytes.data() + size, more.size());
  size += more.size();
}

BlockReader::BlockReader(const Files& files, size_t first, size_t last, Columns columns, bool as_they_are)
    : files_(files), next_(first), last_(last), columns_(columns), as_they_are_(as_they_are) {
  files.fetch();
}

BlockReader::~BlockReader() = default;

bool BlockReader::leaves_out_bad() const { return !as_they_are_ && files_.options().bad_rows == BadRows::skip; }

uint64_t BlockReader::consumed() const { return consumed_ + (stream_ ? stream_->consumed() : 0); }

bool BlockReader::next(Block& block) {
  check_interruption();
  block.clear();
  while (block.records.empty() || block.size < Block::kBytes) {
    if (block.records.empty()) block.size = 0;  // blank lines alone
    if (!stream_) {
      if (next_ == last_) break;
      const int32_t group = files_.list()[next_].group;
      if (!block.records.empty() && group != files_.list()[next_ - 1].group) break;
      if (leaves_out_bad()) counted_ = std::make_unique<CountedFile>(files_, next_);
      count_ = {};
      stream_ = files_.format(static_cast<size_t>(group)).open(files_, next_++, columns_);
      header_checked_ = false;
    }
    const size_t first_record = block.records.size();
    const bool more = stream_->append(block);
    for (size_t i = first_record; i < block.records.size(); ++i)
      block.records[i].file = static_cast<int32_t>(next_ - 1);
    check_header();
    const bool is_whole = block.pending != nullptr;
    if (leaves_out_bad()) leave_out_bad(block, first_record);
    if (!more) {
      if (counted_) counted_->remember(count_);
      consumed_ += stream_->consumed();
      stream_.reset();
    }
    if (block.records.empty())
      block.pending.reset();
    else if (more || is_whole)
      break;
  }
  return !block.records.empty();
}

/// Rows that are not there for anyone must be known before rows are counted, so on this thread, although the text is
/// found once more where it is used.
void BlockReader::leave_out_bad(Block& block, size_t first) {
  if (!parser_) parser_ = std::make_unique<RecordParser>(files_);
  block.load();
  std::string_view text;
  std::string why;
  const auto bad = std::remove_if(block.records.begin() + static_cast<std::ptrdiff_t>(first), block.records.end(),
                                  [&](const Record& record) { return !parser_->find_text(block, record, text, why); });
  skipped_ += block.records.end() - bad;
  count_.skipped += block.records.end() - bad;
  block.records.erase(bad, block.records.end());
  for (size_t i = first; i < block.records.size(); ++i, ++count_.rows)
    count_.bytes += static_cast<int64_t>(block.records[i].size);
}

void BlockReader::check_header() {
  if (header_checked_ || stream_->header() == nullptr) return;
  header_checked_ = true;
  header_ = *stream_->header();
  if (as_they_are_) return;
  const DataFile& file = files_.list()[next_ - 1];
  const Head& head = files_.beginning(static_cast<size_t>(file.group));
  if (header_ != head.columns)
    fail(ErrorKind::input,
         "{}:1: its columns ({}) are not those of the files before it ({}); files of one split must have the same "
         "header",
         shown_name(file), printable(fmt::format("{}", fmt::join(header_, ", ")), 200),
         printable(fmt::format("{}", fmt::join(head.columns, ", ")), 200));
}

}  // namespace tekio
