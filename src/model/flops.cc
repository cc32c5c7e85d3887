#include "model/flops.h"

#include <algorithm>
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
  const double keys_and_values = 2 * c * c, matrices = layer_elements(config);
  double layers = 0;
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const int64_t window = config.attention_of(layer).window;
    const double keys = window > 0 ? std::min(t, static_cast<double>(2 * window + 1)) : t;
    const double others = matrices - keys_and_values + 2 * keys * c;
    layers += keys_and_values + (layer + 1 < config.layers ? others : masked_share * others);
  }
  const auto e = static_cast<double>(config.embedding_width);
  const double head = masked_share * (c * e + e * static_cast<double>(config.vocabulary));
  const double projection = config.projects ? c * e : 0;
  return 6 * t * (projection + layers + head);
}

}  // namespace tekio
