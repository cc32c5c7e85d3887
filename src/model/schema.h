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
  Norm norm1;  // behind attention
  Linear up;
  Linear down;
  Norm norm2;  // behind the feed-forward
};
template <typename Embedding, typename Linear, typename Norm, typename Layer = LayerOf<Linear, Norm>>
struct ModelOf {
  Embedding word, position, type;  // type: absent in DistilBERT
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
  embedding_width,
  projected,
  vocabulary,
  positions,
  token_types
};
int64_t extent_of(const ModelConfig& config, Extent extent);

struct Module {
  enum class Kind : uint8_t { embedding, linear, norm };
  Kind kind;
  Extent rows, columns;  ///< of the weight; a norm's is a vector of `rows`; a bias has `rows`, an embedding has none
  /// What files call it, without ".weight" and ".bias". Several names: files hold it as so many equal parts, one after
  /// the other. None: whole names of its weight and its bias stand in the table instead.
  std::array<const char * TensorNames::*, 3> names;

  size_t parts() const { return names[2] != nullptr ? 3 : 1; }
  bool has_bias() const { return kind != Kind::embedding; }
};

/// Calls visit(module, field…) for each module of a layer, in the order of files; fields are those of all `layers`.
template <typename Visit, typename... Layers>
void for_each_module_of_layer(Visit&& visit, Layers&... layers) {
  using enum Module::Kind;
  using N = TensorNames;
  visit(Module{linear, Extent::three_widths, Extent::width, {&N::query, &N::key, &N::value}}, layers.qkv...);
  visit(Module{linear, Extent::width, Extent::width, {&N::out}}, layers.out...);
  visit(Module{norm, Extent::width, Extent::none, {&N::norm1}}, layers.norm1...);
  visit(Module{linear, Extent::inner, Extent::width, {&N::up}}, layers.up...);
  visit(Module{linear, Extent::width, Extent::inner, {&N::down}}, layers.down...);
  visit(Module{norm, Extent::width, Extent::none, {&N::norm2}}, layers.norm2...);
}
template <typename Visit, typename... Models>
void for_each_module_of_embedding(Visit&& visit, Models&... models) {
  using enum Module::Kind;
  using N = TensorNames;
  visit(Module{embedding, Extent::vocabulary, Extent::embedding_width, {&N::word}}, models.word...);
  visit(Module{embedding, Extent::positions, Extent::embedding_width, {&N::position}}, models.position...);
  visit(Module{embedding, Extent::token_types, Extent::embedding_width, {&N::type}}, models.type...);
  visit(Module{norm, Extent::embedding_width, Extent::none, {&N::embedding_norm}}, models.embedding_norm...);
  visit(Module{linear, Extent::projected, Extent::embedding_width, {&N::project}}, models.project...);
}
template <typename Visit, typename... Models>
void for_each_module_of_head(Visit&& visit, Models&... models) {
  using enum Module::Kind;
  using N = TensorNames;
  visit(Module{linear, Extent::embedding_width, Extent::width, {&N::transform}}, models.transform...);
  visit(Module{norm, Extent::embedding_width, Extent::none, {&N::head_norm}}, models.head_norm...);
  visit(Module{linear, Extent::vocabulary, Extent::embedding_width, {}}, models.decoder...);
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
