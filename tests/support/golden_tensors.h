// Reads the int32 tensors of a golden .safetensors file: eight bytes of length, a JSON header, data. Only for files of
// ours.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"

namespace tekio::test {

struct IntTensor {
  std::vector<int64_t> shape;
  std::vector<int32_t> values;  ///< row-major
  std::vector<int32_t> row(int64_t i) const {
    const int64_t width = static_cast<int64_t>(values.size()) / shape[0];
    return {values.begin() + i * width, values.begin() + (i + 1) * width};
  }
};

inline std::map<std::string, IntTensor> read_int_tensors(const fs::path& path) {
  const MappedFile file(path);
  uint64_t header_size = 0;
  std::memcpy(&header_size, file.bytes().data(), sizeof header_size);
  const Json header = parse_json(file.text().substr(8, header_size), path.string());
  std::map<std::string, IntTensor> tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__" || entry.at("dtype") != "I32") continue;
    IntTensor& tensor = tensors[name];
    tensor.shape = entry.at("shape").get<std::vector<int64_t>>();
    const auto span = entry.at("data_offsets").get<std::vector<size_t>>();
    tensor.values.resize((span.at(1) - span.at(0)) / sizeof(int32_t));
    std::memcpy(tensor.values.data(), file.bytes().data() + 8 + header_size + span[0], span[1] - span[0]);
  }
  return tensors;
}

}  // namespace tekio::test
