// The ZIP container of pytorch_model.bin: stored entries only, found through the central directory, each checked
// against its local header. Compression, encryption, duplicates and overlaps are refused: PyTorch writes none of them.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace tekio {

class StoredZip {
 public:
  /// Errors (input): not a ZIP file, cut off, or an entry that breaks the rules above; the message names it.
  StoredZip(std::span<const std::byte> bytes, const std::string& where);

  struct Entry {
    std::span<const std::byte> bytes;
    uint32_t checksum;
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }
  /// The bytes of an entry, their CRC-32 checked. Errors (input): no such entry, damaged.
  std::span<const std::byte> read(const std::string& name) const;

 private:
  std::string where_;
  std::map<std::string, Entry> entries_;
};

}  // namespace tekio
