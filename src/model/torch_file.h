// pytorch_model.bin: a ZIP of one pickle, which says what the tensors are, and their storages.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "model/safetensors.h"

namespace tekio {

class TorchFile {
 public:
  /// Errors (input): the forms before PyTorch 1.6, anything malformed, anything but a state dictionary.
  explicit TorchFile(const std::filesystem::path& path);
  TorchFile(std::span<const std::byte> bytes, const std::string& where);
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }

 private:
  void parse(std::span<const std::byte> bytes, const std::string& where);
  MappedFile file_;
  std::vector<std::unique_ptr<std::byte[]>> gathered_;  // tensors that did not lie row by row
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace tekio
