#include "onnx/build.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "compute/rotary.h"
#include "onnx/quantize.h"

namespace tekio::onnx {
namespace {

using Names = std::vector<std::string>;
using Integers = std::vector<int64_t>;
using Pair = PairOf<ConstTensor>;

// Adds nodes to a graph, each value under a name of its own.
class Builder {
 public:
  Builder(const ModelConfig& config, const EncoderWeights& weights, Precision precision)
      : config_(config), weights_(weights), precision_(precision) {}
  Graph build();

 private:
  // nodes
  std::string node(const char* op, Names inputs, std::vector<Attribute> attributes = {});
  std::vector<std::string> split(const std::string& x, int64_t axis, int64_t parts);
  std::string integers(Integers values);
  std::string scalar(float value);
  std::string constant(const std::string& name, const ConstTensor& tensor);
  std::string rows_of_table(const std::string& name, const ConstTensor& table, const std::string& ids);

  // modules; x is [n, I], n = batch * length
  std::string linear(const std::string& x, const std::string& name, const Pair& weights);
  std::string linear(const std::string& x, const std::string& matrix, const ConstTensor& weight,
                     const std::string& bias_name, const ConstTensor& bias);
  std::pair<std::string, std::string> quantized(const std::string& matrix, const ConstTensor& weight);
  std::string norm(const std::string& x, const std::string& name, const Pair& weights);
  std::string activation(const std::string& x, Activation act);
  std::string gelu_by_tanh(const std::string& x, float a);

  // the model's parts
  void add_inputs();
  std::string positions();
  std::string embeddings();
  std::string attention(const std::string& x, int64_t layer, const std::string& name);
  std::string rotated(const std::string& x, double theta);
  const std::string& seen(int64_t window);
  std::string post_norm_layers(std::string x);
  std::string pre_norm_layers(std::string x);
  void add_head(const std::string& x);
  std::string layer_name(int64_t layer) const { return "layer." + std::to_string(config_.weights_of_layer(layer)); }
  const LayerOf<Pair, Pair>& layer_weights(int64_t layer) const {
    return weights_.layers[static_cast<size_t>(config_.weights_of_layer(layer))];
  }

  const ModelConfig& config_;
  const EncoderWeights& weights_;
  Precision precision_;
  Graph graph_;
  int64_t values_ = 0;
  std::vector<std::string> known_;                     // constants that were added
  std::string length_;                                 // [1]: of the padded sequences
  std::vector<std::pair<int64_t, std::string>> seen_;  // by window
  std::vector<std::pair<double, Names>> rotations_;    // by theta: cosines, sines [length, d]
};

std::string Builder::node(const char* op, Names inputs, std::vector<Attribute> attributes) {
  std::string output = fmt::format("{}_{}", op, values_++);
  graph_.nodes.push_back({op, std::move(inputs), {output}, std::move(attributes)});
  return output;
}

std::vector<std::string> Builder::split(const std::string& x, int64_t axis, int64_t parts) {
  Names outputs;
  for (int64_t i = 0; i < parts; ++i) outputs.push_back(fmt::format("Split_{}", values_++));
  graph_.nodes.push_back({"Split", {x}, outputs, {{"axis", axis}}});
  return outputs;
}

std::string Builder::integers(Integers values) {
  std::string name = "integers";
  for (const int64_t value : values) name += fmt::format("_{}", value);
  if (std::ranges::find(known_, name) != known_.end()) return name;
  known_.push_back(name);
  const auto count = static_cast<int64_t>(values.size());
  graph_.add(name, Type::i64, {count}, values);
  return name;
}

std::string Builder::scalar(float value) {
  const std::string name = fmt::format("number_{:.9g}", value);
  if (std::ranges::find(known_, name) != known_.end()) return name;
  known_.push_back(name);
  graph_.add(name, Type::f32, {}, std::vector<float>{value});
  return name;
}

std::string Builder::constant(const std::string& name, const ConstTensor& tensor) {
  if (std::ranges::find(known_, name) != known_.end()) return name;  // layers may share weights
  known_.push_back(name);
  Integers shape(tensor.dim.begin(), tensor.dim.begin() + tensor.rank);
  graph_.constants.push_back({name, Type::f32, std::move(shape), std::as_bytes(tensor.values())});
  return name;
}

// y[n,O] = x w^T + b.
std::string Builder::linear(const std::string& x, const std::string& name, const Pair& weights) {
  return linear(x, name, weights.weight, name, weights.bias);
}

std::string Builder::linear(const std::string& x, const std::string& matrix, const ConstTensor& weight,
                            const std::string& bias_name, const ConstTensor& bias) {
  if (precision_ == Precision::f32) {
    Names inputs = {x, constant(matrix + ".weight", weight)};
    if (bias) inputs.push_back(constant(bias_name + ".bias", bias));
    return node("Gemm", std::move(inputs), {{"transB", int64_t{1}}});
  }
  const auto [levels, scale] = quantized(matrix, weight);
  Names rounded;
  for (int i = 0; i < 3; ++i) rounded.push_back(fmt::format("DynamicQuantizeLinear_{}", values_++));
  graph_.nodes.push_back({"DynamicQuantizeLinear", {x}, rounded, {}});
  const std::string columns = node("Transpose", {levels}, {{"perm", Integers{1, 0}}});  // [I,O]
  const std::string product = node("MatMulInteger", {rounded[0], columns, rounded[2]});
  const std::string scales = node("Mul", {rounded[1], scale});  // [O]
  const std::string y = node("Mul", {node("Cast", {product}, {{"to", static_cast<int64_t>(Type::f32)}}), scales});
  return bias ? node("Add", {y, constant(bias_name + ".bias", bias)}) : y;
}

// The names of a matrix's levels [O,I] and scales [O].
std::pair<std::string, std::string> Builder::quantized(const std::string& matrix, const ConstTensor& weight) {
  std::pair<std::string, std::string> names = {matrix + ".weight_quantized", matrix + ".weight_scale"};
  if (std::ranges::find(known_, names.first) == known_.end()) {
    known_.push_back(names.first);
    add_quantized(graph_, names.first, names.second, weight);
  }
  return names;
}

std::string Builder::norm(const std::string& x, const std::string& name, const Pair& weights) {
  Names inputs = {x, constant(name + ".weight", weights.weight)};
  if (weights.bias) inputs.push_back(constant(name + ".bias", weights.bias));
  return node("LayerNormalization", std::move(inputs), {{"axis", int64_t{-1}}, {"epsilon", config_.norm_epsilon}});
}

// x sigmoid(2 a (x + 0.044715 x^3)), which is 0.5 x (1 + tanh(a (x + 0.044715 x^3))).
std::string Builder::gelu_by_tanh(const std::string& x, float a) {
  const std::string cube = node("Mul", {node("Mul", {x, x}), x});
  const std::string inner = node("Add", {x, node("Mul", {cube, scalar(0.044715f)})});
  return node("Mul", {x, node("Sigmoid", {node("Mul", {inner, scalar(2 * a)})})});
}

std::string Builder::activation(const std::string& x, Activation act) {
  switch (act) {
    case Activation::gelu: {
      const std::string erf = node("Erf", {node("Div", {x, scalar(static_cast<float>(M_SQRT2))})});
      return node("Mul", {node("Mul", {x, node("Add", {erf, scalar(1)})}), scalar(0.5f)});
    }
    case Activation::gelu_new:
      return gelu_by_tanh(x, static_cast<float>(M_SQRT1_2 * M_2_SQRTPI));
    case Activation::gelu_fast:
      return gelu_by_tanh(x, 0.7978845608f);
    case Activation::quick_gelu:
      return node("Mul", {x, node("Sigmoid", {node("Mul", {x, scalar(1.702f)})})});
    case Activation::relu:
      return node("Relu", {x});
    case Activation::silu:
      return node("Mul", {x, node("Sigmoid", {x})});
    case Activation::tanh:
      return node("Tanh", {x});
    case Activation::mish:
      return node("Mul", {x, node("Tanh", {node("Softplus", {x})})});
  }
  TEKIO_CHECK(false, "activation {}", static_cast<int>(act));
  return {};
}

void Builder::add_inputs() {
  const std::vector<std::variant<int64_t, std::string>> shape = {"batch", "length"};
  graph_.inputs = {{"input_ids", Type::i64, shape}, {"attention_mask", Type::i64, shape}};
  if (config_.type_vocabulary > 1) graph_.inputs.push_back({"token_type_ids", Type::i64, shape});
  length_ = node("Slice", {node("Shape", {"input_ids"}), integers({1}), integers({2}), integers({0})});
}

// Rows of a table, [batch, length, E].
std::string Builder::rows_of_table(const std::string& name, const ConstTensor& table, const std::string& ids) {
  return node("Gather", {constant(name + ".weight", table), ids}, {{"axis", int64_t{0}}});
}

// What is added for the positions: [length, E] or [batch, length, E].
std::string Builder::positions() {
  const std::string table = constant("position.weight", weights_.position.weight);
  if (config_.position_rule == PositionRule::index)
    return node("Slice", {table, integers({0}), length_, integers({0})});
  const auto as_i64 = static_cast<int64_t>(Type::i64);
  const std::string padding = integers({config_.padding_id});
  const std::string text = node("Cast", {node("Not", {node("Equal", {"input_ids", padding})})}, {{"to", as_i64}});
  const std::string counted = node("Mul", {node("CumSum", {text, integers({1})}), text});
  return rows_of_table("position", weights_.position.weight, node("Add", {counted, padding}));
}

// [n, C].
std::string Builder::embeddings() {
  std::string sum;
  if (precision_ == Precision::int8) {
    const auto [table, scale] = quantized("word", weights_.word.weight);
    const std::string levels = node("Gather", {table, "input_ids"}, {{"axis", int64_t{0}}});
    const std::string scales = node("Gather", {scale, "input_ids"}, {{"axis", int64_t{0}}});
    sum = node("Mul", {node("Cast", {levels}, {{"to", static_cast<int64_t>(Type::f32)}}),
                       node("Unsqueeze", {scales, integers({-1})})});
  } else {
    sum = rows_of_table("word", weights_.word.weight, "input_ids");
  }
  if (config_.type_vocabulary > 1)
    sum = node("Add", {sum, rows_of_table("type", weights_.type.weight, "token_type_ids")});
  else if (config_.type_vocabulary == 1)
    sum = node("Add", {sum, constant("type.weight", weights_.type.weight)});
  if (config_.position_rule != PositionRule::rotary) sum = node("Add", {sum, positions()});
  const std::string rows = node("Reshape", {sum, integers({-1, config_.embedding_width})});
  const std::string normed = norm(rows, "embedding_norm", weights_.embedding_norm);
  return config_.projects ? linear(normed, "project", weights_.project) : normed;
}

// Which keys a query may see: bool [batch, 1, 1, length] or, with a window, [batch, 1, length, length].
const std::string& Builder::seen(int64_t window) {
  for (const auto& [of, name] : seen_)
    if (of == window) return name;
  const auto as_bool = static_cast<int64_t>(Type::boolean);
  if (window == 0) {
    const std::string mask = node("Cast", {"attention_mask"}, {{"to", as_bool}});
    seen_.emplace_back(0, node("Unsqueeze", {mask, integers({1, 2})}));
    return seen_.back().second;
  }
  const std::string all = seen(0);
  graph_.add(fmt::format("first_{}", window), Type::i64, {}, Integers{0});
  graph_.add(fmt::format("step_{}", window), Type::i64, {}, Integers{1});
  const std::string end = node("Squeeze", {length_, integers({0})});
  const std::string at = node("Range", {fmt::format("first_{}", window), end, fmt::format("step_{}", window)});
  const std::string distance =
      node("Abs", {node("Sub", {node("Unsqueeze", {at, integers({1})}), node("Unsqueeze", {at, integers({0})})})});
  seen_.emplace_back(window, node("And", {all, node("LessOrEqual", {distance, integers({window})})}));
  return seen_.back().second;
}

// Heads [batch, H, length, d], each turned by its position: x cos + (-second half, first half) sin.
std::string Builder::rotated(const std::string& x, double theta) {
  auto found = std::ranges::find_if(rotations_, [&](const auto& r) { return r.first == theta; });
  if (found == rotations_.end()) {
    const int64_t d = config_.width / config_.heads, positions = config_.longest_input();
    RotaryTable table({.size = d, .theta = theta});
    table.extend(positions);
    std::vector<float> cosines, sines;
    for (int64_t position = 0; position < positions; ++position) {
      const auto row = table.rows().subspan(static_cast<size_t>(position * d), static_cast<size_t>(d));
      for (int twice = 0; twice < 2; ++twice) {
        cosines.insert(cosines.end(), row.begin(), row.begin() + d / 2);
        sines.insert(sines.end(), row.begin() + d / 2, row.end());
      }
    }
    const auto number = rotations_.size();
    Names cut;
    for (const auto& [name, values] :
         {std::pair(fmt::format("cosines_{}", number), &cosines), std::pair(fmt::format("sines_{}", number), &sines)}) {
      graph_.add(name, Type::f32, {positions, d}, *values);
      cut.push_back(node("Slice", {name, integers({0}), length_, integers({0})}));
    }
    rotations_.emplace_back(theta, cut);
    found = rotations_.end() - 1;
  }
  const Names halves = split(x, 3, 2);
  const std::string turned = node("Concat", {node("Neg", {halves[1]}), halves[0]}, {{"axis", int64_t{-1}}});
  return node("Add", {node("Mul", {x, found->second[0]}), node("Mul", {turned, found->second[1]})});
}

// The heads' outputs side by side [n, C], of x[n, C].
std::string Builder::attention(const std::string& x, int64_t layer, const std::string& name) {
  const LayerAttention kind = config_.attention_of(layer);
  const LayerOf<Pair, Pair>& w = layer_weights(layer);
  const int64_t heads = config_.heads, d = config_.width / heads;
  // [batch, length, 3, H, d]
  const std::string batch_length = node("Shape", {"input_ids"});
  const std::string shape = node("Concat", {batch_length, integers({3 * heads, d})}, {{"axis", int64_t{0}}});
  const std::string qkv = node("Reshape", {linear(x, name + ".qkv", w.qkv), shape});
  Names parts = split(node("Transpose", {qkv}, {{"perm", Integers{0, 2, 1, 3}}}), 1, 3);  // [batch, H, length, d]
  if (kind.rope_theta > 0)
    for (int part = 0; part < 2; ++part)
      parts[static_cast<size_t>(part)] = rotated(parts[static_cast<size_t>(part)], kind.rope_theta);
  const std::string q = node("Mul", {parts[0], scalar(1 / std::sqrt(static_cast<float>(d)))});
  const std::string scores = node("MatMul", {q, node("Transpose", {parts[1]}, {{"perm", Integers{0, 1, 3, 2}}})});
  const std::string finite = scalar(std::numeric_limits<float>::lowest());
  const std::string probabilities =
      node("Softmax", {node("Where", {seen(kind.window), scores, finite})}, {{"axis", int64_t{-1}}});
  const std::string mixed =
      node("Transpose", {node("MatMul", {probabilities, parts[2]})}, {{"perm", Integers{0, 2, 1, 3}}});
  return node("Reshape", {mixed, integers({-1, config_.width})});
}

std::string Builder::post_norm_layers(std::string x) {
  for (int64_t layer = 0; layer < config_.layers; ++layer) {
    const std::string name = layer_name(layer);
    const LayerOf<Pair, Pair>& w = layer_weights(layer);
    const std::string mixed = attention(x, layer, name);
    const std::string middle = norm(node("Add", {linear(mixed, name + ".out", w.out), x}), name + ".norm1", w.norm1);
    const std::string inner = activation(linear(middle, name + ".up", w.up), config_.activation);
    x = norm(node("Add", {linear(inner, name + ".down", w.down), middle}), name + ".norm2", w.norm2);
  }
  return x;
}

// As pre_norm.cc has them: x is the normed stream, but for the first layer, which takes the stream itself.
std::string Builder::pre_norm_layers(std::string x) {
  std::string stream = x;
  for (int64_t layer = 0; layer < config_.layers; ++layer) {
    const std::string name = layer_name(layer);
    const LayerOf<Pair, Pair>& w = layer_weights(layer);
    const std::string mixed = attention(x, layer, name);
    stream = node("Add", {stream, linear(mixed, name + ".out", w.out)});
    const std::string middle = norm(stream, name + ".norm1", w.norm1);
    const Names up = split(linear(middle, name + ".up", w.up), 1, 2);
    const std::string inner = node("Mul", {activation(up[0], config_.activation), up[1]});
    stream = node("Add", {stream, linear(inner, name + ".down", w.down)});
    x = norm(stream, name + ".norm2", w.norm2);
  }
  return x;
}

void Builder::add_head(const std::string& x) {
  const std::string activated = activation(linear(x, "transform", weights_.transform), config_.head_activation);
  const std::string y = norm(activated, "head_norm", weights_.head_norm);
  const bool tied = !weights_.decoder.weight;
  const std::string rows = tied ? linear(y, "word", weights_.word.weight, "decoder", weights_.decoder.bias)
                                : linear(y, "decoder", weights_.decoder);
  const std::string shape =
      node("Concat", {node("Shape", {"input_ids"}), integers({config_.vocabulary})}, {{"axis", int64_t{0}}});
  graph_.nodes.push_back({"Reshape", {rows, shape}, {"logits"}, {}});
  graph_.outputs = {{"logits", Type::f32, {"batch", "length", config_.vocabulary}}};
}

Graph Builder::build() {
  add_inputs();
  const std::string x = embeddings();
  add_head(config_.pre_norm ? pre_norm_layers(x) : post_norm_layers(x));
  return std::move(graph_);
}

}  // namespace

Graph build_graph(const ModelConfig& config, const ParameterSet& weights, Precision precision) {
  return Builder(config, weights.tensors(), precision).build();
}

}  // namespace tekio::onnx
