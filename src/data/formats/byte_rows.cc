// A splitter starts over at the record that was not whole, so none keeps a state between bytes; what it is given is
// doubled each time, so that a long record is walked over twice at most.
#include "data/formats/byte_rows.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "data/source.h"
#include "data/text_stream.h"

namespace tekio {

ByteRowStream::ByteRowStream(const DataFile& file, std::unique_ptr<Splitter> splitter)
    : path_(shown_name(file)), stream_(open_text(file)), splitter_(std::move(splitter)) {}

/// Reads until the block holds `target` bytes; true at the file's end.
bool ByteRowStream::fill(Block& block, size_t target) {
  block.reserve(target);
  while (block.size < target) {
    const size_t got = stream_->read(block.bytes.data() + block.size, target - block.size);
    if (got == 0) return true;
    block.size += got;
  }
  return false;
}

bool ByteRowStream::append(Block& block) {
  const size_t begin = block.size, first_record = block.records.size();
  block.append(carry_);
  carry_.clear();
  bool at_end = false;
  size_t used = 0;
  for (size_t wanted = std::max(Block::kBytes, block.size - begin); !at_end && used == 0; wanted *= 2) {
    at_end = fill(block, begin + wanted);
    used = splitter_->split({block.bytes.data() + begin, block.size - begin}, at_end, block.records);
    if (used == 0 && !at_end && wanted >= Block::kRecordLimit)
      fail(ErrorKind::input, "{}:{}: a row of more than {} MiB; rows are split by {}", path_, splitter_->line(),
           Block::kRecordLimit >> 20, splitter_->row_end());
  }
  for (size_t i = first_record; i < block.records.size(); ++i) block.records[i].begin += begin;
  carry_.assign(block.bytes, begin + used, block.size - begin - used);
  block.size = begin + used;
  return !at_end;
}

std::unique_ptr<RowStream> ByteRowFormat::open(const Files& files, size_t number, Columns) const {
  const DataFile& file = files.list()[number];
  return std::make_unique<ByteRowStream>(file, splitter(file));
}

size_t find_char(std::string_view bytes, size_t from, char wanted) {
  if (from >= bytes.size()) return kNone;
  const void* found = std::memchr(bytes.data() + from, wanted, bytes.size() - from);
  return found == nullptr ? kNone : static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
}

int64_t count_lines(std::string_view bytes) { return std::count(bytes.begin(), bytes.end(), '\n'); }

}  // namespace tekio
