// Every tensor that a model may have, once: its modules, their shapes, what kind each is and what files call it. Who
// lays tensors out, names, loads, initialises, copies them for products or counts walks this list; a further tensor is
// one line here, one in the struct beside it, and a name in each family's table.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/family.h"

namespace tekio {

/// One layer of an encoder. The struct serves weights, gradients, moments and what passes compute with: they differ by
/// what a module is (a pair of tensors, a matrix in the form of products with its bias).
template <typename Linear, typename Norm>
struct LayerOf {
  Linear qkv;  // rows of q, then k, then v
  Linear out;
  Norm norm1;  // behind attention; in pre-norm layers, of the sum that its branch was added to
  Linear up;
  Linear down;
  Norm norm2;  // behind the feed-forward, likewise
};
template <typename Embedding, typename Linear, typename Norm, typename Layer = LayerOf<Linear, Norm>>
struct ModelOf {
  Embedding word, position, type;  // type may be absent, and position
  Norm embedding_norm;
  Linear project;  // from the embeddings' width to the layers'; absent where they are one
  std::vector<Layer> layers;
  Linear transform;  // the head's
  Norm head_norm;
  Linear decoder;  // the head's matrix, absent where that is `word` (tied), and its bias
};

/// A number of rows or columns, by what a config says.
enum class Extent : uint8_t {
  none,
  width,
  three_widths,
  inner,
  up,
  embedding_width,
  projected,
  vocabulary,
  positions,
  token_types
};
int64_t extent_of(const ModelConfig& config, Extent extent);

struct Module {
  enum class Kind : uint8_t { embedding, linear, norm };
  enum class Bias : uint8_t { never, always, attention, feed_forward, norm, transform, decoder };
  Kind kind;
  Bias bias;             ///< whether it has one: always, or by what the config says of such modules
  Extent rows, columns;  ///< of the weight; a norm's is a vector of `rows`; a bias has `rows`, an embedding has none
  /// What files call it, without ".weight" and ".bias". Several names: files hold it as so many equal parts, one after
  /// the other, or, where a family has the first name only, whole. None: whole names of its weight and its bias stand
  /// in the table instead.
  std::array<const char * TensorNames::*, 3> names;

  int64_t parts(const TensorNames& of) const { return names[2] != nullptr && of.*names[2] != nullptr ? 3 : 1; }
};
bool has_bias(const ModelConfig& config, const Module& module);

/// Calls visit(module, field…) for each module of a layer, in the order of files; fields are those of all `layers`.
template <typename Visit, typename... Layers>
void for_each_module_of_layer(Visit&& visit, Layers&... layers) {
  using enum Module::Kind;
  using B = Module::Bias;
  using N = TensorNames;
  visit(Module{linear, B::attention, Extent::three_widths, Extent::width, {&N::query, &N::key, &N::value}},
        layers.qkv...);
  visit(Module{linear, B::attention, Extent::width, Extent::width, {&N::out}}, layers.out...);
  visit(Module{norm, B::norm, Extent::width, Extent::none, {&N::norm1}}, layers.norm1...);
  visit(Module{linear, B::feed_forward, Extent::up, Extent::width, {&N::up}}, layers.up...);
  visit(Module{linear, B::feed_forward, Extent::width, Extent::inner, {&N::down}}, layers.down...);
  visit(Module{norm, B::norm, Extent::width, Extent::none, {&N::norm2}}, layers.norm2...);
}
template <typename Visit, typename... Models>
void for_each_module_of_embedding(Visit&& visit, Models&... models) {
  using enum Module::Kind;
  using B = Module::Bias;
  using N = TensorNames;
  visit(Module{embedding, B::never, Extent::vocabulary, Extent::embedding_width, {&N::word}}, models.word...);
  visit(Module{embedding, B::never, Extent::positions, Extent::embedding_width, {&N::position}}, models.position...);
  visit(Module{embedding, B::never, Extent::token_types, Extent::embedding_width, {&N::type}}, models.type...);
  visit(Module{norm, B::norm, Extent::embedding_width, Extent::none, {&N::embedding_norm}}, models.embedding_norm...);
  visit(Module{linear, B::always, Extent::projected, Extent::embedding_width, {&N::project}}, models.project...);
}
template <typename Visit, typename... Models>
void for_each_module_of_head(Visit&& visit, Models&... models) {
  using enum Module::Kind;
  using B = Module::Bias;
  using N = TensorNames;
  visit(Module{linear, B::transform, Extent::embedding_width, Extent::width, {&N::transform}}, models.transform...);
  visit(Module{norm, B::norm, Extent::embedding_width, Extent::none, {&N::head_norm}}, models.head_norm...);
  visit(Module{linear, B::decoder, Extent::vocabulary, Extent::embedding_width, {}}, models.decoder...);
}
/// All of them: embeddings, layers, head. All `models` have as many layers as the first.
template <typename Visit, typename Model, typename... Models>
void for_each_module(Visit&& visit, Model& model, Models&... models) {
  for_each_module_of_embedding(visit, model, models...);
  for (size_t i = 0; i < model.layers.size(); ++i)
    for_each_module_of_layer(visit, model.layers[i], models.layers[i]...);
  for_each_module_of_head(visit, model, models...);
}

}  // namespace tekio
