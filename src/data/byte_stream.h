// Bytes of a file, unpacked while they are read: plain, gzip (several members), Zstandard (several frames), bzip2 or xz
// (several streams). Memory is the decoder's window and nothing else, so that a small file which unpacks to a very
// large one costs time but no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace tekio {

enum class Packing : uint8_t { none, gzip, zstd, bzip2, xz };

class ByteStream {
 public:
  /// Errors: io (cannot be opened, is no regular file; what unpacks it cannot be loaded).
  static std::unique_ptr<ByteStream> open(const std::filesystem::path& path, Packing packing);
  virtual ~ByteStream() = default;

  /// Writes at most `capacity` bytes to `out`; 0 only at the end. Errors: io (read), input (damaged or cut off).
  virtual size_t read(char* out, size_t capacity) = 0;
  /// Bytes of the file itself that have been read so far.
  virtual uint64_t consumed() const = 0;
};

}  // namespace tekio
