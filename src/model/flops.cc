#include "model/flops.h"

#include <variant>

#include "model/schema.h"

namespace tekio {
namespace {

// Elements of a layer's matrices: multiply-adds of its products for a token.
double layer_elements(const ModelConfig& config) {
  int64_t elements = 0;
  LayerOf<std::monostate, std::monostate> layer;  // of nothing: shapes do
  for_each_module_of_layer(
      [&](const Module& module, auto&) {
        if (module.kind == Module::Kind::linear)
          elements += extent_of(config, module.rows) * extent_of(config, module.columns);
      },
      layer);
  return static_cast<double>(elements);
}

}  // namespace

double flops_per_chunk(const ModelConfig& config, int64_t chunk_size, double masked_share) {
  const auto c = static_cast<double>(config.width), t = static_cast<double>(chunk_size);
  const double keys_and_values = 2 * c * c, others = layer_elements(config) - keys_and_values + 2 * t * c;
  const double layers = static_cast<double>(config.layers) * (keys_and_values + others) - (1 - masked_share) * others;
  const auto e = static_cast<double>(config.embedding_width);
  const double head = masked_share * (c * e + e * static_cast<double>(config.vocabulary));
  const double projection = config.projects ? c * e : 0;
  return 6 * t * (projection + layers + head);
}

}  // namespace tekio
