// data.pkl of a pytorch_model.bin: nothing but a state dictionary comes out, and every tensor lies inside its storage.
#include "fuzz.h"
#include "model/pickle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  return fuzz::refused_or_done([&] {
    for (const auto& [name, tensor] : unpickle_state_dict(fuzz::as_bytes(data, size), "data.pkl")) {
      if (tensor.numel() == 0) continue;
      int64_t last = tensor.offset;
      for (size_t d = 0; d < tensor.shape.size(); ++d) last += (tensor.shape[d] - 1) * tensor.strides[d];
      if (tensor.offset < 0 || last < 0 || last >= tensor.storage_numbers) std::abort();
    }
  });
}
