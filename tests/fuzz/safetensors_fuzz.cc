// model.safetensors: a header that is believed gives tensors whose bytes are all there, aligned to their shape or not.
#include <vector>

#include "fuzz.h"
#include "model/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  return fuzz::refused_or_done([&] {
    const SafetensorsFile file(fuzz::as_bytes(data, size), "fuzz.safetensors");
    for (const auto& [name, tensor] : file.tensors()) {
      size_t numbers = 1;
      for (int64_t extent : tensor.shape) numbers *= static_cast<size_t>(extent);
      if (numbers > size * 2) std::abort();  // at least half a byte a number
      const bool known =
          tensor.dtype == "F32" || tensor.dtype == "F16" || tensor.dtype == "BF16" || tensor.dtype == "F64";
      if (!known) continue;
      std::vector<float> values(numbers);
      to_float32(tensor, values, name);
    }
  });
}
