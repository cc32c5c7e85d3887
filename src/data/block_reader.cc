// Files to blocks of records. Blocks are cut where records end, by the same rule whatever the threads behind, so all
// that is made of them is the same too.
#include <algorithm>

#include "base/error.h"
#include "data/record_parser.h"
#include "data/text_stream.h"

namespace tekio {

void Block::clear() {
  size = 0;
  records.clear();
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

BlockReader::BlockReader(const Files& files, size_t first, size_t last, bool checked)
    : files_(files), next_(first), last_(last), checked_(checked) {}

BlockReader::~BlockReader() = default;

uint64_t BlockReader::consumed() const { return consumed_ + (stream_ ? stream_->consumed() : 0); }

void BlockReader::open_next() {
  const DataFile& file = files_.list()[next_++];
  stream_ = open_text(file);
  splitter_ = Splitter::make(file.kind, printable(file.path.string(), 300));
  header_checked_ = false;
}

/// Reads until the block holds `target` bytes; true at the file's end.
bool BlockReader::fill(Block& block, size_t target) {
  block.reserve(target);
  while (block.size < target) {
    const size_t got = stream_->read(block.bytes.data() + block.size, target - block.size);
    if (got == 0) return true;
    block.size += got;
  }
  return false;
}

bool BlockReader::next(Block& block) {
  block.clear();
  while (block.records.empty() || block.size < kBlockBytes) {
    if (block.records.empty()) block.size = 0;  // blank lines alone
    if (!stream_) {
      if (next_ == last_) break;
      open_next();
    }
    const size_t begin = block.size, first_record = block.records.size();
    block.append(carry_);
    carry_.clear();
    bool at_end = false;
    size_t used = 0;
    for (size_t wanted = std::max(kBlockBytes, block.size - begin); !at_end && used == 0; wanted *= 2) {
      at_end = fill(block, begin + wanted);
      used = splitter_->split({block.bytes.data() + begin, block.size - begin}, at_end, block.records);
      if (used == 0 && !at_end && wanted >= kRecordLimit)
        fail(ErrorKind::input, "{}:{}: a row of more than {} MiB; rows are split by {}",
             printable(files_.list()[next_ - 1].path.string(), 300), splitter_->line(), kRecordLimit >> 20,
             files_.list()[next_ - 1].kind == FileKind::review ? "files" : "line ends");
    }
    for (size_t i = first_record; i < block.records.size(); ++i) {
      block.records[i].begin += begin;
      block.records[i].file = static_cast<int32_t>(next_ - 1);
    }
    check_header(*splitter_);
    carry_.assign(block.bytes, begin + used, block.size - begin - used);
    block.size = begin + used;
    if (at_end) {
      consumed_ += stream_->consumed();
      stream_.reset();
    } else if (!block.records.empty()) {
      break;
    }
  }
  return !block.records.empty();
}

void BlockReader::check_header(const Splitter& splitter) {
  if (header_checked_ || splitter.header().empty()) return;
  header_checked_ = true;
  header_ = splitter.header();
  if (!checked_) return;
  const DataFile& file = files_.list()[next_ - 1];
  const std::vector<std::string> names = header_names(header_, file.kind);
  const Head& head = files_.beginning(static_cast<size_t>(file.group), names.front());
  if (names != head.columns)
    fail(ErrorKind::input,
         "{}:1: its columns ({}) are not those of the files before it ({}); files of one split must have the same "
         "header",
         printable(file.path.string(), 300), printable(fmt::format("{}", fmt::join(names, ", ")), 200),
         printable(fmt::format("{}", fmt::join(head.columns, ", ")), 200));
}

}  // namespace tekio
