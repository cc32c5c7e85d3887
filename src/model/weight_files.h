// The weights of a folder, whichever of the reference's four forms they are in: one map from name to tensor.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/safetensors.h"
#include "model/torch_file.h"

namespace tekio {

class WeightFiles {
 public:
  /// Looks for model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json, in
  /// this order. Errors: input (none there, malformed, or an index that does not fit its files), io.
  explicit WeightFiles(const std::filesystem::path& folder);

  struct Found {
    const StoredTensor* tensor;
    std::string file;
  };  ///< `file` for messages
  const std::map<std::string, Found>& tensors() const { return tensors_; }
  /// The one file, or the index, that was found.
  const std::filesystem::path& path() const { return path_; }

 private:
  void open(const std::filesystem::path& file);
  void open_index(const std::filesystem::path& index);
  std::filesystem::path path_;
  std::vector<SafetensorsFile> safetensors_;
  std::vector<TorchFile> torch_;
  std::map<std::string, Found> tensors_;
};

}  // namespace tekio
