// AdamW over a flat piece, specified to the last bit (see compute/adamw.h).
#include "compute/adamw.h"
#include "compute/ref/ref_backend.h"

namespace tekio {

void RefBackend::do_adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                          const AdamWStep& step) {
  const AdamWCoefficients c(step);
  for (int64_t i = 0; i < parameters.numel(); ++i)
    adamw_element(parameters.f32()[i], moment1.f32()[i], moment2.f32()[i], gradients.f32()[i], c);
}

}  // namespace tekio
