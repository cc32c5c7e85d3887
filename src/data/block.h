// Rows on their way from the reading thread to those that parse them: some records' bytes, and where each record lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tekio {

struct Record {
  size_t begin = 0, size = 0;  ///< within its block
  int64_t line = 0;            ///< where it begins in its file, from 1
  int32_t file = 0;            ///< number of its file
  char separator = '\0';       ///< of a table's columns
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

  std::string_view text(const Record& record) const { return {bytes.data() + record.begin, record.size}; }
  void clear();
  /// Makes room for `count` bytes in all.
  void reserve(size_t count);
  void append(std::string_view more);
};

}  // namespace tekio
