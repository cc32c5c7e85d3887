// Rows on their way from the reading thread to those that parse them: some records' bytes, and where each record lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tekio {

struct Record {
  size_t begin = 0, size = 0;  ///< within its block; begin of a pending row: its number among these
  int64_t line = 0;            ///< where it begins in its file, from 1: a line, or a row where files have no lines
  int32_t file = 0;            ///< number of its file
  char separator = '\0';       ///< of a table's columns
};

struct Block;

/// Rows that are known to be there, but are decoded where they are used: on any thread, and only if they are.
class PendingRows {
 public:
  virtual ~PendingRows() = default;
  /// Appends the rows that the block's records number to its bytes, and sets where each lies. Errors: as
  /// RowStream::append.
  virtual void load(Block& block) const = 0;
};

/// Some rows' bytes as they lie in their files. At least kPadding readable bytes follow the last one (simdjson reads
/// past ends).
struct Block {
  static constexpr size_t kPadding = 64;
  static constexpr size_t kBytes = size_t{256} << 10;        ///< how much is read at a time
  static constexpr size_t kRecordLimit = size_t{256} << 20;  ///< a longer row is refused

  std::string bytes;
  size_t size = 0;  ///< of `bytes`, in use
  std::vector<Record> records;
  std::shared_ptr<const PendingRows> pending;  ///< nullptr: the bytes are there; else all records are its rows

  std::string_view text(const Record& record) const { return {bytes.data() + record.begin, record.size}; }
  void clear();
  /// Gets the bytes of pending rows. Errors: as PendingRows::load.
  void load();
  /// Makes room for `count` bytes in all.
  void reserve(size_t count);
  void append(std::string_view more);
};

}  // namespace tekio
