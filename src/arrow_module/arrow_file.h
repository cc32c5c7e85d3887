// What the module's two kinds of files have in common, and the limits that hold for both. Files may be hostile: what
// they claim is compared with limits before memory is taken for it.
#pragma once

#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/result.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "arrow_module/module.h"

namespace tekio_arrow {

inline constexpr int64_t kMostColumns = 20'000;                 ///< leaves
inline constexpr int64_t kMostGroups = 1'000'000;               ///< row groups
inline constexpr int64_t kMostFooterBytes = int64_t{64} << 20;  ///< of a Parquet file
inline constexpr int kMostDepth = 64;                           ///< of types within types

/// What one stream of a file may hold at a time: a few kilobytes that unpack to gigabytes are made to harm.
inline int64_t stream_limit(int64_t file_bytes) {
  constexpr int64_t kSmallest = int64_t{256} << 20, kLargest = int64_t{2} << 30;
  return std::min(kLargest, kSmallest + std::min(file_bytes, kLargest) * 1000);
}

/// Refuses to hold more than a limit.
class LimitedPool final : public arrow::MemoryPool {
 public:
  explicit LimitedPool(int64_t limit) : limit_(limit) {}

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;
  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;
  int64_t bytes_allocated() const override { return held_; }
  int64_t total_bytes_allocated() const override { return total_; }
  int64_t num_allocations() const override { return count_; }
  std::string backend_name() const override { return "limited"; }

 private:
  arrow::Status take(int64_t more);

  const int64_t limit_;
  std::atomic<int64_t> held_ = 0, total_ = 0, count_ = 0;
};

using Keys = std::vector<std::string>;

class File {
 public:
  virtual ~File() = default;
  virtual TekioArrowFacts facts() const = 0;
  virtual std::shared_ptr<arrow::Schema> schema() const = 0;
  /// Whether offsets come as they are from the file, rather than being made while it is decoded.
  virtual bool has_foreign_offsets() const = 0;
  struct Group {
    int64_t rows = 0, bytes = 0;
  };
  virtual arrow::Result<Group> group(int64_t number, const Keys& column) const = 0;
  struct Request {
    int64_t first = 0, last = 0;
    Keys column;
    int64_t batch_rows = 0;
    bool piecewise = false;
  };
  /// The reader keeps alive what it reads from.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> read(const Request& request) const = 0;
};

arrow::Result<std::unique_ptr<File>> open_parquet(const std::string& path);
arrow::Result<std::unique_ptr<File>> open_ipc(const std::string& path);

}  // namespace tekio_arrow
