#include "model/prepared_weights.h"

#include <algorithm>

namespace tekio {
namespace {

/// A module, and which rows of which weights it computes with.
struct Part {
  Linear* linear;
  const PairOf<ConstTensor>* from;
  const ConstTensor* weight;  // from->weight, but of a tied decoder
  int64_t begin, rows, columns;
};

// Every product's weights, the largest first: they take longest to copy, and threads take what comes next. `weights`
// may be without numbers.
std::vector<Part> parts_of(const ModelConfig& config, NetworkWeights& network, const EncoderWeights& weights) {
  std::vector<Part> all;
  const auto add = [&](const Module& module, Linear& linear, const PairOf<ConstTensor>& from) {
    const bool tied = &linear == &network.decoder && config.tied;
    all.push_back({&linear, &from, tied ? &weights.word.weight : &from.weight, 0, extent_of(config, module.rows),
                   extent_of(config, module.columns)});
    if (all.back().rows == 0) all.pop_back();
  };
  const auto last_layer = static_cast<size_t>(config.weights_of_layer(config.layers - 1));
  const auto asks_for_all = [&](size_t i) {  // a layer that is not the last one
    for (int64_t layer = 0; layer + 1 < config.layers; ++layer)
      if (static_cast<size_t>(config.weights_of_layer(layer)) == i) return true;
    return false;
  };
  for (size_t i = 0; i < network.layers.size(); ++i) {
    LayerWeights& layer = network.layers[i];
    const bool needs_qkv = i != last_layer || asks_for_all(i);
    for_each_module_of_layer(
        [&](const Module& module, auto& field, const PairOf<ConstTensor>& from) {
          if constexpr (std::is_same_v<decltype(field), Linear&>)
            if (needs_qkv || &field != &layer.qkv) add(module, field, from);
        },
        layer, weights.layers[i]);
  }
  const int64_t c = config.width;
  LayerWeights& last = network.layers[last_layer];
  const PairOf<ConstTensor>& qkv = weights.layers[last_layer].qkv;
  all.push_back({&last.q, &qkv, &qkv.weight, 0, c, c});
  all.push_back({&last.kv, &qkv, &qkv.weight, c, 2 * c, c});
  const auto add_linear = [&](const Module& module, auto& field, const PairOf<ConstTensor>& from) {
    if constexpr (std::is_same_v<decltype(field), Linear&>) add(module, field, from);
  };
  for_each_module_of_embedding(add_linear, network, weights);
  for_each_module_of_head(add_linear, network, weights);
  std::ranges::stable_sort(all, std::greater<>(), [](const Part& part) { return part.rows * part.columns; });
  return all;
}

// Places in an arena of bf16 numbers for so many bytes.
int64_t halves(int64_t bytes) { return (bytes + 1) / size_of(DType::bf16); }

}  // namespace

int64_t PreparedWeights::bytes(const ModelConfig& config, const Backend& backend, DType type) {
  if (type == DType::f32) return 0;
  NetworkWeights network;
  EncoderWeights weights;
  network.layers.resize(static_cast<size_t>(config.weight_layers()));
  weights.layers.resize(network.layers.size());
  int64_t total = 0;
  for (const Part& part : parts_of(config, network, weights))
    total += Arena::size_of_tensor(DType::bf16, {halves(backend.matrix_bytes(part.rows, part.columns))});
  return total;
}

PreparedWeights::PreparedWeights(const ParameterSet& weights, Backend& backend, DType type)
    : weights_(weights),
      backend_(backend),
      type_(type),
      arena_(bytes(weights.config(), backend, type), "bf16 weights", backend.memory()) {}

void PreparedWeights::refresh() {
  const ModelConfig& config = weights_.config();
  const EncoderWeights& weights = weights_.tensors();
  network_.layers.resize(weights.layers.size());
  for_each_module(
      [&](const Module&, auto& field, const PairOf<ConstTensor>& from) {
        if constexpr (std::is_same_v<decltype(field), ConstTensor&>) field = from.weight;
        if constexpr (std::is_same_v<decltype(field), NormWeights&>)
          field = {from.weight, from.bias, config.norm_epsilon};
      },
      network_, weights);
  arena_.reset();
  copies_.clear();
  for (const Part& part : parts_of(config, network_, weights)) {
    const int64_t end = part.begin + part.rows;
    const ConstTensor weight = part.weight->rows(part.begin, end);
    part.linear->bias = part.from->bias ? part.from->bias.rows(part.begin, end) : ConstTensor();
    if (type_ == DType::f32) {
      part.linear->weight = weight;
      continue;
    }
    const Tensor memory = arena_.take(DType::bf16, {halves(backend_.matrix_bytes(part.rows, part.columns))});
    part.linear->weight = Matrix(memory.data, DType::bf16, part.rows, part.columns);
    copies_.push_back({part.linear->weight, weight});
  }
  if (!copies_.empty()) backend_.copy_matrices(copies_);
  expanded_ = network_;
  expanded_.layers.clear();
  for (int64_t layer = 0; layer < config.layers; ++layer)
    expanded_.layers.push_back(network_.layers[static_cast<size_t>(config.weights_of_layer(layer))]);
}

}  // namespace tekio
