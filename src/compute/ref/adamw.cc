// AdamW over a flat piece, specified to the last bit (see compute/adamw.h).
#include "compute/adamw.h"
#include "compute/ref/ref_backend.h"

namespace tekio {

void RefBackend::run(const verb::AdamW& op) {
  const auto& clipping = *reinterpret_cast<const Clipping*>(op.clipping.f64());
  if (!is_taken(clipping)) return;
  const AdamWCoefficients c(op.step);
  for (int64_t i = 0; i < op.parameters.numel(); ++i)
    adamw_element(op.parameters.f32()[i], op.moment1.f32()[i], op.moment2.f32()[i], op.gradients.f32()[i],
                  static_cast<float>(clipping.scale), c);
}

}  // namespace tekio
