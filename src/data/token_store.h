// One tokenized split in one memory-mapped file: ids, where words start, where texts end (docs/formats.md has the
// bytes). Texts lie in batches of 1,000, the reference's unit of chunking, so a chunk is one span of the file, and
// building holds one batch's bits in memory, never the corpus.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace tekio {

/// 128 bits over everything that decides a store's content.
using StoreKey = std::array<std::byte, 16>;

/// Tokens as they lie in a store, 16 or 32 bits each.
class TokenSpan {
 public:
  TokenSpan() = default;
  explicit TokenSpan(std::span<const uint16_t> ids) : narrow_(ids.data()), size_(static_cast<int64_t>(ids.size())) {}
  explicit TokenSpan(std::span<const uint32_t> ids) : wide_(ids.data()), size_(static_cast<int64_t>(ids.size())) {}

  int64_t size() const { return size_; }
  int32_t operator[](int64_t i) const { return narrow_ != nullptr ? narrow_[i] : static_cast<int32_t>(wide_[i]); }
  TokenSpan subspan(int64_t begin, int64_t count) const;
  void copy_to(int32_t* out) const;  ///< size() ids
  std::span<const std::byte> bytes() const;

 private:
  const uint16_t* narrow_ = nullptr;
  const uint32_t* wide_ = nullptr;
  int64_t size_ = 0;
};

/// What a store's header says of it.
struct StoreFacts {
  std::string data;  ///< what it was made from
  int64_t rows = 0, tokens = 0;
};
/// Nothing where the file is no store of this version, or cannot be read. Looks at the beginning only.
std::optional<StoreFacts> store_facts(const fs::path& path);

class TokenStore {
 public:
  static constexpr int64_t kBatchRows = 1000;

  /// Maps and verifies a whole file: sizes, checksums, that rows end in ascending order, that no id exceeds the
  /// header's largest. Errors: io, input (not a store, damaged, not `key`'s).
  TokenStore(const fs::path& path, const StoreKey& key);

  const MappedFile& file() const { return file_; }
  int64_t rows() const { return rows_; }
  int64_t tokens() const { return tokens_; }
  /// Rows that were read for it: rows(), and those that were left out.
  int64_t source_rows() const { return source_rows_; }
  /// How many of the rows that it has are before row `source_row` of those that were read. At most source_rows().
  int64_t rows_before(int64_t source_row) const;
  /// Rows of the files that had no text and were left out before any were read, where that was known when it was made.
  std::optional<int64_t> skipped_rows() const { return skipped_rows_; }
  int32_t max_id() const { return max_id_; }
  int id_bytes() const { return id_bytes_; }  ///< 2 or 4
  /// Template tokens that every row begins and ends with.
  int64_t prefix() const { return prefix_; }
  int64_t suffix() const { return suffix_; }

  /// kBatchRows rows (the last batch: what is left), one after the other.
  struct Batch {
    TokenSpan ids;                          // [tokens]
    std::span<const uint64_t> word_starts;  // bit i: token i begins a word
    std::span<const uint64_t> row_ends;     // [rows], ascending
    std::span<const uint64_t> numbers;      // [rows], ascending, among all that were read; empty: none was left out
    /// Where a row's tokens begin and end; where the first begins and the last ends is known without looking.
    int64_t begin_of(int64_t row) const { return row == 0 ? 0 : end_of(row - 1); }
    int64_t end_of(int64_t row) const {
      const auto i = static_cast<size_t>(row);
      return i + 1 == row_ends.size() ? ids.size() : static_cast<int64_t>(row_ends[i]);
    }
    /// All of it, as it lies in the file.
    std::span<const std::byte> bytes() const {
      const std::byte* const begin = ids.bytes().data();
      return {begin, reinterpret_cast<const std::byte*>(row_ends.data() + row_ends.size() + numbers.size())};
    }
  };
  const std::vector<Batch>& batches() const { return batches_; }

 private:
  MappedFile file_;
  int64_t rows_ = 0, source_rows_ = 0, tokens_ = 0, prefix_ = 0, suffix_ = 0;
  std::optional<int64_t> skipped_rows_;
  int32_t max_id_ = 0;
  int id_bytes_ = 2;
  std::vector<Batch> batches_;
};

/// Encoded texts, one after the other, as an encoder appends them.
struct EncodedRows {
  std::vector<int32_t> ids;
  std::vector<uint8_t> word_starts;  // 1 where a word begins
  std::vector<size_t> row_ends;
  std::vector<size_t> left_out;  // for each row that is: how many of row_ends are before it
  void clear();
};

/// What TokenStoreWriter throws where its file cannot be made or written, so that it can be tried elsewhere (kind io).
class StoreWriteError : public Error {
 public:
  explicit StoreWriteError(const Error& error) : Error(error.kind(), error.what()) {}
};

/// Writes a store front to back, readable by its owner alone. What it makes depends on the rows alone, not on how
/// append() calls cut them.
class TokenStoreWriter {
 public:
  struct Shape {
    int id_bytes = 2;
    int64_t prefix = 0, suffix = 0;
    bool numbered = false;  ///< keeps rows' numbers among all that were read, as some may be left out
    std::string data = {};  ///< what it is made from, for people to read
  };
  TokenStoreWriter(const fs::path& destination, const StoreKey& key, const Shape& shape);
  /// Into a file without a name.
  TokenStoreWriter(const AtomicFile::Nameless& in, const StoreKey& key, const Shape& shape);

  /// Errors: StoreWriteError; input (an id that does not fit id_bytes).
  void append(const EncodedRows& rows);
  /// Puts the file in its place, whole. `skipped_rows`: TokenStore::skipped_rows().
  void commit(std::optional<int64_t> skipped_rows = std::nullopt);

  /// Where the store can be read after commit(): see AtomicFile.
  fs::path path() const { return file_.path(); }

  int64_t rows() const { return rows_; }
  int64_t tokens() const { return tokens_; }
  bool has_words() const { return has_words_; }

 private:
  void begin();
  void append_row(const int32_t* ids, const uint8_t* word_starts, size_t count);
  void write(std::span<const std::byte> bytes);
  void write_checked(std::span<const std::byte> bytes);
  void finish_batch();

  AtomicFile file_;
  StoreKey key_;
  Shape shape_;
  Checksum checksum_;
  int64_t rows_ = 0, source_rows_ = 0, tokens_ = 0;
  uint32_t max_id_ = 0;
  bool has_words_ = false;
  // the batch at hand
  uint64_t batch_position_ = 0, batch_tokens_ = 0;
  std::vector<uint64_t> batch_starts_, batch_row_ends_, batch_numbers_;
  std::vector<uint64_t> index_;  // four words a batch
  std::vector<uint16_t> narrow_;
};

}  // namespace tekio
