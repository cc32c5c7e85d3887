// pytorch_model.bin: the ZIP around the pickle, and the storages' bytes.
#include <vector>

#include "fuzz.h"
#include "model/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  return fuzz::refused_or_done([&] {
    const TorchFile file(fuzz::as_bytes(data, size), "fuzz.bin");
    volatile unsigned sum = 0;  // touches every byte, and no compiler may skip that
    for (const auto& [name, tensor] : file.tensors())
      for (std::byte byte : tensor.bytes) sum = sum + std::to_integer<unsigned>(byte);
  });
}
