// Bytes to records: where one row's bytes end and the next one's begin, per kind of file, without looking at what they
// say. This is all that the reading thread does; what records mean is found out by the threads that tokenize them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/layout.h"

namespace tekio {

struct Record {
  size_t begin = 0, size = 0;  ///< within its block
  int64_t line = 0;            ///< where it begins in its file, from 1
  int32_t file = 0;            ///< number of its file
};

class Splitter {
 public:
  static std::unique_ptr<Splitter> make(FileKind kind, std::string shown_path);
  explicit Splitter(std::string shown_path) : path_(std::move(shown_path)) {}
  virtual ~Splitter() = default;

  /// Appends the records that are whole in `bytes` (their begins count from bytes[0]) and returns how many bytes are
  /// done with; the rest is to be given again, with more behind it. `last`: no more will come, so everything is done
  /// with. Errors: input (a quote or array that does not end).
  virtual size_t split(std::string_view bytes, bool last, std::vector<Record>& records) = 0;

  /// A CSV file's first record, once it was met; empty for other kinds.
  const std::string& header() const { return header_; }
  /// The line that the next record begins in.
  int64_t line() const { return line_; }

 protected:
  std::string path_, header_;
  int64_t line_ = 1;
};

/// A CSV record's fields, unquoted. Views into `record` or `scratch`.
void split_fields(std::string_view record, char delimiter, std::vector<std::string_view>& fields, std::string& scratch);

}  // namespace tekio
