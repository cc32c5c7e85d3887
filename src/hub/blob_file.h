// A blob of the Hub's cache while it is being fetched: blobs/ETAG.incomplete, which a later attempt goes on from, and
// the lock that keeps others off.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "hub/cache.h"
#include "hub/client.h"

namespace tekio::hub {

/// Waits until nobody else writes this blob. The file stays: whoever waits has it open.
class BlobLock {
 public:
  /// Errors: io (the cache cannot be written).
  explicit BlobLock(const std::filesystem::path& path);
  ~BlobLock();
  BlobLock(const BlobLock&) = delete;
  BlobLock& operator=(const BlobLock&) = delete;

 private:
  int descriptor_ = -1;
};

class BlobFile {
 public:
  /// Opens or makes the part. Errors: io (no room for what is missing; not writable).
  BlobFile(const RepositoryCache& cache, const FileHead& file);
  ~BlobFile();
  BlobFile(const BlobFile&) = delete;
  BlobFile& operator=(const BlobFile&) = delete;

  uint64_t size() const { return size_; }
  void clear();
  /// False, with nothing written, where the file would become longer than it is.
  bool append(std::string_view bytes);
  /// Verifies and renames; a part that is not what the Hub said is removed. Errors: io. `what` stands in messages.
  void finish(const std::string& what);

 private:
  /// Not opened yet: what fails from then on closes it.
  BlobFile(const FileHead& file, std::filesystem::path destination);

  const FileHead& file_;
  std::filesystem::path path_, destination_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

}  // namespace tekio::hub
