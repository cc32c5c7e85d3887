// Parquet and Arrow files as the module opens them, which is loaded when the first one is met.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arrow_module/module.h"
#include "data/formats/arrow_data.h"
#include "data/layout.h"

namespace tekio {

/// A stream of record batches.
class ArrowStream {
 public:
  explicit ArrowStream(std::string shown_path) : path_(std::move(shown_path)) {}
  ArrowArrayStream* fill() { return stream_.fill(); }
  /// Known once the stream was filled. Errors: input.
  const ArrowType& table();
  /// Its columns are checked. nullptr after the last. Errors: input (damaged).
  std::shared_ptr<const ArrowOwned<ArrowArray>> next();

 private:
  [[noreturn]] void fail_stream();

  std::string path_;
  ArrowOwned<ArrowArrayStream> stream_;
  std::unique_ptr<const ArrowType> table_;
};

class ArrowFile {
 public:
  /// Errors: io (cannot be read; the module is not there), input (no such file, damaged, a limit exceeded).
  explicit ArrowFile(const DataFile& file);
  ~ArrowFile();
  ArrowFile(const ArrowFile&) = delete;
  ArrowFile& operator=(const ArrowFile&) = delete;

  const TekioArrowFacts& facts() const { return facts_; }
  uint64_t bytes() const { return bytes_; }  ///< of the file
  /// The table's type: a struct of all columns. Errors: input.
  ArrowType table() const;
  struct Group {
    int64_t rows = 0, bytes = 0;
  };
  /// `column`: keys; none: all columns. Errors: input.
  Group group(int64_t number, const std::vector<std::string>& column) const;
  struct Request {
    int64_t first = 0, last = 0;      ///< groups [first, last)
    std::vector<std::string> column;  ///< keys; none: all columns
    int64_t batch_rows = 0;
    bool piecewise = false;
  };
  /// May be called by several threads at once. Errors: input.
  std::unique_ptr<ArrowStream> read(const Request& request) const;

 private:
  [[noreturn]] void fail_file(const TekioArrowError& error) const;

  std::string path_;
  FileKind kind_;
  uint64_t bytes_ = 0;
  TekioArrowFile* file_ = nullptr;
  TekioArrowFacts facts_{};
};

/// Arrow C++'s version; empty where the module is not there, and `why` then says so.
std::string arrow_version(std::string& why);

}  // namespace tekio
