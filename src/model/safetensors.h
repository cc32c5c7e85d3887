// The safetensors format: a validated, memory-mapped reader and an atomic writer (order and padding as the
// reference's).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "compute/tensor.h"

namespace tekio {

/// A tensor of a weights file, wherever its bytes lie; valid as long as the file object lives.
struct StoredTensor {
  std::string dtype;  ///< "F32", "F16", "BF16", "I64", … (safetensors' names)
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
  bool mapped = false;  ///< the bytes lie in a mapped file
};

class SafetensorsFile {
 public:
  /// Errors (input): any rule of the format broken; the message says which and where.
  explicit SafetensorsFile(const std::filesystem::path& path);
  /// The same over memory (for tests and fuzzing); `where` stands in messages.
  SafetensorsFile(std::span<const std::byte> bytes, const std::string& where);
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  void parse(std::span<const std::byte> bytes, const std::string& where);
  MappedFile file_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

struct TensorToSave {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

/// Writes `tensors` atomically with {"format": "pt"} and whatever else `metadata` holds.
WrittenFile write_safetensors(const std::filesystem::path& path, std::vector<TensorToSave> tensors,
                              const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

/// The numbers as they lie in the file, where they are F32 and aligned as floats must be; else nullptr.
const float* float32_in_place(const StoredTensor& tensor);

/// Converts F32, F16, BF16 or F64 to float32. Errors (input): another dtype; `where` names the tensor.
void to_float32(const StoredTensor& from, std::span<float> to, const std::string& where);

}  // namespace tekio
