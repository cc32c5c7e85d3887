#include "model/flops.h"

namespace tekio {

double flops_per_chunk(const ModelConfig& config, int64_t chunk_size, double masked_share) {
  const auto c = static_cast<double>(config.width), inner = static_cast<double>(config.inner),
             t = static_cast<double>(chunk_size);
  const double keys_and_values = 2 * c * c, others = 2 * c * c + 2 * c * inner + 2 * t * c;
  const double layers = static_cast<double>(config.layers) * (keys_and_values + others) - (1 - masked_share) * others;
  const double head = masked_share * (c * c + c * static_cast<double>(config.vocabulary));
  return 6 * t * (layers + head);
}

}  // namespace tekio
