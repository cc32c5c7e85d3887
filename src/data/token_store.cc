// Bytes of a token store, written front to back and verified when mapped. All numbers are little-endian, as every
// machine that Tekio runs on has them.
#include "data/token_store.h"

#include <sys/mman.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"

namespace tekio {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr char kMagic[8] = {'T', 'E', 'K', 'I', 'O', 'T', 'O', 'K'};
constexpr uint32_t kVersion = 3, kOldestVersion = 2;
constexpr uint64_t kMostDataBytes = 4096;  // of what a store says it was made from
constexpr uint64_t kNotKnown = UINT64_MAX;

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t id_bytes;
  std::byte key[16];
  uint64_t rows, tokens, batches;
  uint32_t max_id, prefix, suffix, batch_rows;
  uint64_t index_position, index_checksum, file_bytes;
  uint64_t data_bytes, data_checksum;  // of the text that follows the header
  uint64_t source_rows;                // where batches number their rows; else 0: none was left out
  uint64_t skipped_rows;               // that had no text; kNotKnown. Not in version 2
  uint64_t checksum;                   // of all before it
};
static_assert(sizeof(Header) == 136);
constexpr size_t kChecked = offsetof(Header, checksum);

/// How many bytes of a file of this version are the header.
constexpr size_t header_bytes(uint32_t version) {
  return sizeof(Header) - (version == kOldestVersion ? sizeof(Header::skipped_rows) : 0);
}

struct IndexEntry {
  uint64_t position, tokens, rows, checksum;
};
static_assert(sizeof(IndexEntry) == 32);

constexpr uint64_t padded(uint64_t bytes) { return (bytes + 7) / 8 * 8; }
constexpr uint64_t words_of_bits(uint64_t bits) { return (bits + 63) / 64; }

[[noreturn]] void fail_damaged(const fs::path& path, const std::string& what) {
  fail(ErrorKind::input, "the token store {} is damaged: {}; delete it, it is made anew from the data",
       printable(path.string(), 300), what);
}

std::string padded_text(std::string text) {
  text.resize(padded(text.size()));
  return text;
}

// Where the batches begin: after the header and what the store was made from.
uint64_t first_batch(const Header& header) { return header_bytes(header.version) + padded(header.data_bytes); }

/// The header as this version has it. `bytes`: at least a header of the oldest one.
Header current_header(std::span<const std::byte> bytes) {
  Header header{};
  std::memcpy(&header, bytes.data(), std::min(sizeof header, bytes.size()));
  if (header.version == kOldestVersion) {
    header.checksum = header.skipped_rows;  // which stands in its place
    header.skipped_rows = kNotKnown;
  }
  return header;
}

// The header, its own checksum and that of the text behind it verified.
Header read_header(const MappedFile& file) {
  const auto bytes = file.bytes();
  if (bytes.size() < header_bytes(kOldestVersion))
    fail_damaged(file.path(), fmt::format("{} bytes are less than a header", bytes.size()));
  const Header header = current_header(bytes);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    fail_damaged(file.path(), "it does not begin as a token store");
  if (header.version < kOldestVersion || header.version > kVersion)
    fail_damaged(file.path(), fmt::format("its version is {}, at most {} is expected", header.version, kVersion));
  const size_t size = header_bytes(header.version);
  if (bytes.size() < size || header.checksum != XXH3_64bits(bytes.data(), size - sizeof header.checksum))
    fail_damaged(file.path(), "its header's checksum is wrong");
  if (header.data_bytes > kMostDataBytes || first_batch(header) > bytes.size() ||
      header.data_checksum != XXH3_64bits(bytes.data() + size, padded(header.data_bytes)))
    fail_damaged(file.path(), "what it says that it was made from is damaged");
  return header;
}

Header verified_header(const MappedFile& file, const StoreKey& key) {
  const auto bytes = file.bytes();
  const Header header = read_header(file);
  if (std::memcmp(header.key, key.data(), key.size()) != 0) fail_damaged(file.path(), "it was made from other data");
  if (header.file_bytes != bytes.size())
    fail_damaged(file.path(), fmt::format("it has {} bytes, {} are expected", bytes.size(), header.file_bytes));
  if ((header.id_bytes != 2 && header.id_bytes != 4) || header.batch_rows != TokenStore::kBatchRows ||
      header.max_id > INT32_MAX || header.source_rows > INT64_MAX ||
      (header.skipped_rows > INT64_MAX && header.skipped_rows != kNotKnown))
    fail_damaged(file.path(), "its header holds impossible figures");
  if (header.index_position > bytes.size() || header.index_position < first_batch(header) ||
      header.index_position % 8 != 0 || header.batches != (bytes.size() - header.index_position) / sizeof(IndexEntry) ||
      (bytes.size() - header.index_position) % sizeof(IndexEntry) != 0)
    fail_damaged(file.path(), "its index lies outside of it");
  if (header.index_checksum != XXH3_64bits(bytes.data() + header.index_position, bytes.size() - header.index_position))
    fail_damaged(file.path(), "its index's checksum is wrong");
  return header;
}

/// While a large store is verified, the pages behind are let go, so that opening one of 50 GB does not push everything
/// else out of this process's memory. They come back from the system's cache when they are read.
class PageRelease {
 public:
  explicit PageRelease(const std::byte* base) : base_(base) {}
  void passed(uint64_t position) {
    constexpr uint64_t kWindow = uint64_t{64} << 20;
    if (position - released_ < kWindow) return;
    const uint64_t count = (position - released_) / kWindow * kWindow;
    ::madvise(const_cast<std::byte*>(base_) + released_, count, MADV_DONTNEED);  // only a hint: it may fail
    released_ += count;
  }

 private:
  const std::byte* base_;
  uint64_t released_ = 0;
};

// What the system refuses while a store is written may be had elsewhere.
template <typename Work>
auto writing(const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    throw StoreWriteError(error);
  }
}

template <typename Id>
uint32_t largest(const Id* ids, size_t count) {
  Id most = 0;
  for (size_t i = 0; i < count; ++i) most = std::max(most, ids[i]);
  return most;
}

}  // namespace

TokenSpan TokenSpan::subspan(int64_t begin, int64_t count) const {
  TokenSpan part;
  part.narrow_ = narrow_ == nullptr ? nullptr : narrow_ + begin;
  part.wide_ = wide_ == nullptr ? nullptr : wide_ + begin;
  part.size_ = count;
  return part;
}

void TokenSpan::copy_to(int32_t* out) const {
  if (narrow_ != nullptr)
    std::copy_n(narrow_, size_, out);
  else if (size_ > 0)
    std::memcpy(out, wide_, static_cast<size_t>(size_) * sizeof(int32_t));
}

std::span<const std::byte> TokenSpan::bytes() const {
  if (narrow_ != nullptr) return std::as_bytes(std::span(narrow_, static_cast<size_t>(size_)));
  return std::as_bytes(std::span(wide_, static_cast<size_t>(size_)));
}

std::optional<StoreFacts> store_facts(const fs::path& path) {
  try {
    const MappedFile file(path);
    const Header header = read_header(file);
    return StoreFacts{std::string(file.text().substr(header_bytes(header.version), header.data_bytes)),
                      static_cast<int64_t>(header.rows), static_cast<int64_t>(header.tokens)};
  } catch (const Error&) {
    return std::nullopt;
  }
}

TokenStore::TokenStore(const fs::path& path, const StoreKey& key) : file_(path) {
  const Header header = verified_header(file_, key);
  rows_ = static_cast<int64_t>(header.rows);
  source_rows_ = static_cast<int64_t>(header.source_rows != 0 ? header.source_rows : header.rows);
  if (header.skipped_rows != kNotKnown) skipped_rows_ = static_cast<int64_t>(header.skipped_rows);
  tokens_ = static_cast<int64_t>(header.tokens);
  prefix_ = header.prefix;
  suffix_ = header.suffix;
  max_id_ = static_cast<int32_t>(header.max_id);
  id_bytes_ = static_cast<int>(header.id_bytes);

  const std::byte* base = file_.bytes().data();
  uint64_t rows = 0, tokens = 0, at = first_batch(header), next_number = 0;
  uint32_t max_id = 0;
  PageRelease release(base);
  for (uint64_t b = 0; b < header.batches; ++b) {
    IndexEntry entry;
    std::memcpy(&entry, base + header.index_position + b * sizeof entry, sizeof entry);
    const uint64_t room = header.index_position - at;
    const bool last = b + 1 == header.batches;
    if (entry.position != at || entry.tokens > room || entry.rows > kBatchRows || entry.rows == 0 ||
        (!last && entry.rows != kBatchRows))
      fail_damaged(path, fmt::format("its index names a batch {} that cannot be", b));
    const uint64_t id_part = padded(entry.tokens * header.id_bytes), start_part = words_of_bits(entry.tokens) * 8;
    const bool numbered = header.source_rows != 0;
    const uint64_t size = id_part + start_part + entry.rows * (numbered ? 16 : 8);
    if (size > room) fail_damaged(path, fmt::format("batch {} goes past its end", b));
    if (XXH3_64bits(base + at, size) != entry.checksum)
      fail_damaged(path, fmt::format("the checksum of batch {} is wrong", b));
    Batch batch;
    if (header.id_bytes == 2) {
      const auto* ids = reinterpret_cast<const uint16_t*>(base + at);
      batch.ids = TokenSpan(std::span(ids, entry.tokens));
      max_id = std::max(max_id, largest(ids, entry.tokens));
    } else {
      const auto* ids = reinterpret_cast<const uint32_t*>(base + at);
      batch.ids = TokenSpan(std::span(ids, entry.tokens));
      max_id = std::max(max_id, largest(ids, entry.tokens));
    }
    batch.word_starts = {reinterpret_cast<const uint64_t*>(base + at + id_part), start_part / 8};
    batch.row_ends = {reinterpret_cast<const uint64_t*>(base + at + id_part + start_part), entry.rows};
    if (numbered) batch.numbers = {batch.row_ends.data() + entry.rows, entry.rows};
    for (const uint64_t number : batch.numbers) {
      if (number < next_number || number >= header.source_rows)
        fail_damaged(path, fmt::format("rows of batch {} are out of order", b));
      next_number = number + 1;
    }
    uint64_t end = 0;
    for (const uint64_t row_end : batch.row_ends) {
      if (row_end > entry.tokens || row_end < end + header.prefix + header.suffix)
        fail_damaged(path, fmt::format("rows of batch {} overlap", b));
      end = row_end;
    }
    if (end != entry.tokens) fail_damaged(path, fmt::format("rows of batch {} do not fill it", b));
    batches_.push_back(batch);
    rows += entry.rows;
    tokens += entry.tokens;
    at += size;
    release.passed(at);
  }
  if (rows != header.rows || tokens != header.tokens || max_id != header.max_id || at != header.index_position)
    fail_damaged(path, "its batches are not what its header counts");
}

int64_t TokenStore::rows_before(int64_t source_row) const {
  if (source_rows_ == rows_) return source_row;
  const auto number = static_cast<uint64_t>(source_row);
  const auto batch =
      std::partition_point(batches_.begin(), batches_.end(), [&](const Batch& b) { return b.numbers.back() < number; });
  if (batch == batches_.end()) return rows_;
  return (batch - batches_.begin()) * kBatchRows +
         (std::ranges::lower_bound(batch->numbers, number) - batch->numbers.begin());
}

void EncodedRows::clear() {
  ids.clear();
  word_starts.clear();
  row_ends.clear();
  left_out.clear();
}

TokenStoreWriter::TokenStoreWriter(const fs::path& destination, const StoreKey& key, const Shape& shape)
    : file_(writing([&] { return AtomicFile(destination, 0600); })), key_(key), shape_(shape) {
  begin();
}

TokenStoreWriter::TokenStoreWriter(const AtomicFile::Nameless& in, const StoreKey& key, const Shape& shape)
    : file_(writing([&] { return AtomicFile(in); })), key_(key), shape_(shape) {
  begin();
}

void TokenStoreWriter::begin() {
  const Header empty{};
  write(std::as_bytes(std::span(&empty, 1)));
  if (shape_.data.size() > kMostDataBytes) shape_.data.resize(kMostDataBytes);
  const std::string data = padded_text(shape_.data);
  write(std::as_bytes(std::span(data)));
  batch_position_ = file_.position();
}

void TokenStoreWriter::write(std::span<const std::byte> bytes) {
  writing([&] { file_.write(bytes); });
}

void TokenStoreWriter::write_checked(std::span<const std::byte> bytes) {
  checksum_.add(bytes);
  write(bytes);
}

void TokenStoreWriter::append(const EncodedRows& rows) {
  TEKIO_CHECK(rows.left_out.empty() || shape_.numbered, "{} left out", rows.left_out.size());
  auto left_out = rows.left_out.begin();
  size_t begin = 0;
  for (size_t row = 0; row < rows.row_ends.size(); ++row) {
    for (; left_out != rows.left_out.end() && *left_out == row; ++left_out) ++source_rows_;
    append_row(rows.ids.data() + begin, rows.word_starts.data() + begin, rows.row_ends[row] - begin);
    begin = rows.row_ends[row];
  }
  source_rows_ += rows.left_out.end() - left_out;
}

void TokenStoreWriter::append_row(const int32_t* ids, const uint8_t* word_starts, size_t count) {
  uint32_t most = 0;
  for (size_t i = 0; i < count; ++i) most = std::max(most, static_cast<uint32_t>(ids[i]));
  const uint32_t limit = shape_.id_bytes == 2 ? UINT16_MAX : INT32_MAX;
  if (most > limit)
    fail(ErrorKind::input,
         "the tokenizer gave the id {}, which its vocabulary cannot have ({} bits); its files do not fit together",
         static_cast<int32_t>(most), shape_.id_bytes * 8);
  max_id_ = std::max(max_id_, most);
  if (shape_.id_bytes == 2) {
    narrow_.resize(count);
    for (size_t i = 0; i < count; ++i) narrow_[i] = static_cast<uint16_t>(ids[i]);
    write_checked(std::as_bytes(std::span(narrow_)));
  } else {
    write_checked(std::as_bytes(std::span(ids, count)));
  }

  batch_starts_.resize(words_of_bits(batch_tokens_ + count));
  uint64_t bit = batch_tokens_;
  size_t i = 0;
  for (; i + 8 <= count; i += 8, bit += 8) {
    uint64_t flags;
    std::memcpy(&flags, word_starts + i, 8);
    const uint64_t bits = (flags & 0x0101010101010101) * 0x0102040810204080 >> 56;  // bit 0 of byte k becomes bit k
    batch_starts_[bit / 64] |= bits << bit % 64;
    if (bit % 64 > 56) batch_starts_[bit / 64 + 1] |= bits >> (64 - bit % 64);
    has_words_ |= bits != 0;
  }
  for (; i < count; ++i, ++bit) {
    batch_starts_[bit / 64] |= uint64_t{word_starts[i] != 0} << bit % 64;
    has_words_ |= word_starts[i] != 0;
  }
  batch_tokens_ += count;
  batch_row_ends_.push_back(batch_tokens_);
  if (shape_.numbered) batch_numbers_.push_back(static_cast<uint64_t>(source_rows_));
  ++source_rows_;
  ++rows_;
  tokens_ += static_cast<int64_t>(count);
  if (batch_row_ends_.size() == TokenStore::kBatchRows) finish_batch();
}

void TokenStoreWriter::finish_batch() {
  if (batch_row_ends_.empty()) return;
  constexpr std::byte kZeros[8]{};
  const uint64_t id_bytes = batch_tokens_ * static_cast<uint64_t>(shape_.id_bytes);
  write_checked({kZeros, padded(id_bytes) - id_bytes});
  write_checked(std::as_bytes(std::span(batch_starts_)));
  write_checked(std::as_bytes(std::span(batch_row_ends_)));
  write_checked(std::as_bytes(std::span(batch_numbers_)));
  index_.insert(index_.end(), {batch_position_, batch_tokens_, batch_row_ends_.size(), checksum_.value()});
  checksum_.restart();
  batch_position_ = file_.position();
  batch_tokens_ = 0;
  batch_starts_.clear();
  batch_row_ends_.clear();
  batch_numbers_.clear();
}

void TokenStoreWriter::commit(std::optional<int64_t> skipped_rows) {
  finish_batch();
  const auto index = std::as_bytes(std::span(index_));
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kVersion;
  header.id_bytes = static_cast<uint32_t>(shape_.id_bytes);
  std::memcpy(header.key, key_.data(), key_.size());
  header.rows = static_cast<uint64_t>(rows_);
  header.tokens = static_cast<uint64_t>(tokens_);
  header.source_rows = shape_.numbered ? static_cast<uint64_t>(source_rows_) : 0;
  header.skipped_rows = skipped_rows ? static_cast<uint64_t>(*skipped_rows) : kNotKnown;
  header.batches = index_.size() / 4;
  header.max_id = max_id_;
  header.prefix = static_cast<uint32_t>(shape_.prefix);
  header.suffix = static_cast<uint32_t>(shape_.suffix);
  header.batch_rows = TokenStore::kBatchRows;
  header.data_bytes = shape_.data.size();
  const std::string data = padded_text(shape_.data);
  header.data_checksum = XXH3_64bits(data.data(), data.size());
  header.index_position = file_.position();
  header.index_checksum = XXH3_64bits(index.data(), index.size());
  header.file_bytes = file_.position() + index.size();
  header.checksum = XXH3_64bits(&header, kChecked);
  write(index);
  writing([&] {
    file_.write_at(0, std::as_bytes(std::span(&header, 1)));
    file_.commit();
  });
}

}  // namespace tekio
