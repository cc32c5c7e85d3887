// pytorch_model.bin: a pickle, which says what the tensors are, and their storages: entries of a ZIP, or, before
// PyTorch 1.6, one behind the other.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "model/pickle.h"
#include "model/safetensors.h"

namespace tekio {

class TorchFile {
 public:
  /// Errors (input): the tar archives of PyTorch 0.1, anything malformed, anything but a state dictionary.
  explicit TorchFile(const std::filesystem::path& path);
  TorchFile(std::span<const std::byte> bytes, const std::string& where);
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }

 private:
  struct Archive;
  void parse(std::span<const std::byte> bytes, const std::string& where);
  void add(const std::string& name, const PickledTensor& tensor, std::span<const std::byte> storage, size_t file_bytes,
           const std::string& where);
  MappedFile file_;
  std::vector<std::unique_ptr<std::byte[]>> gathered_;  // tensors that did not lie row by row
  size_t gathered_bytes_ = 0;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace tekio
