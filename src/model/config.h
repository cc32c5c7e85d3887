// A model's sizes and rates, read from config.json. The raw document is kept, so that keys we do not know are saved
// again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "compute/backend.h"

namespace tekio {

enum class Family { distilbert, bert, roberta, xlm_roberta, camembert, electra, albert, modernbert };
/// Which row of the position table a token takes: its index in its sequence; or one behind the padding's own row, and
/// the padding's for a padding token that stands in the text.
/// Or there is no table: queries and keys are turned by their positions.
enum class PositionRule : uint8_t { index, behind_padding, rotary };

/// What a layer's attention sees, and how far its queries and keys are turned by their positions.
struct LayerAttention {
  int64_t window = 0;     ///< keys that are at most so far away; 0: all
  double rope_theta = 0;  ///< 0: not turned
};
/// Which modules have a bias. The embeddings' projection always has one.
struct Biases {
  bool attention = true, feed_forward = true, norms = true, transform = true, decoder = true;
};

struct ModelConfig {
  Family family = Family::distilbert;
  int64_t vocabulary = 0;       // V
  int64_t width = 0;            // C
  int64_t embedding_width = 0;  // E: of the tables and of the head; C in most
  bool projects = false;        // from E to C, by a matrix between embeddings and layers
  int64_t layers = 0;           // L
  int64_t heads = 0;            // H
  int64_t inner = 0;
  bool pre_norm = false;  // norms stand before attention and feed-forward, and one behind the last layer
  bool gated = false;     // the feed-forward's inner numbers are act(a) b
  std::vector<LayerAttention> attention;  // by layer; empty: all see all, and nothing is turned
  Biases biases;
  int64_t shared_layers = 0;    // that are used again and again, as weights_of_layer() says; 0: all differ
  int64_t inner_layers = 1;     // that follow each other within a group of shared ones
  int64_t max_positions = 0;    // as the config says: longest_input() may be less
  int64_t type_vocabulary = 0;  // 0: no token types
  float norm_epsilon = 1e-12f;
  Activation activation = Activation::gelu, head_activation = Activation::gelu;
  PositionRule position_rule = PositionRule::index;
  float hidden_dropout = 0;  // embeddings; in BERT's kin also the two below
  float attention_dropout = 0;
  float attention_output_dropout = 0;  // 0 in DistilBERT; ModernBERT's is that of attention
  float output_dropout = 0;            // feed-forward outputs; 0 in ALBERT and ModernBERT
  float feed_forward_dropout = 0;      // between its two products; not computed, so that training refuses it
  int32_t padding_id = 0;              // -1: none
  double initializer_range = 0.02;     // 0 is 0.02 too, as in transformers 5
  double initializer_cutoff = 0;       // numbers are drawn anew beyond so many deviations; 0: any will do
  bool sinusoidal_positions = false;   // how the position embeddings begin
  bool tied = true;                    // the head's matrix is the word embeddings
  std::vector<std::string> notes;      // sentences on what config.json leaves open, and what was taken for it
  Json document;                       // config.json as it was read

  /// The family that other files tell of, if any.
  using FindFamily = std::function<std::optional<Family>()>;

  /// Reads and validates. Errors (input): unsupported family (names those supported), sizes missing, not positive,
  /// absurd, or not divisible.
  /// Where model_type is missing, `architectures` tells the family; where that is missing too, `find_family` is asked.
  static ModelConfig from_json(const Json& document, const std::string& where, const FindFamily& find_family = {});
  static ModelConfig from_folder(const std::filesystem::path& folder, const FindFamily& find_family = {});
  /// Tokens that the model takes at most.
  int64_t longest_input() const {
    return position_rule == PositionRule::behind_padding ? max_positions - padding_id - 1 : max_positions;
  }
  int64_t position_rows() const { return position_rule == PositionRule::rotary ? 0 : max_positions; }
  LayerAttention attention_of(int64_t layer) const {
    return attention.empty() ? LayerAttention{} : attention[static_cast<size_t>(layer)];
  }
  /// Layers that have weights of their own, and which of them a layer computes with.
  int64_t weight_layers() const { return shared_layers > 0 ? shared_layers : layers; }
  int64_t weights_of_layer(int64_t layer) const;
  /// Gives the head a matrix of its own.
  void untie();
  /// Changes the number of rows. Errors: usage (more than a model may have).
  void set_vocabulary(int64_t rows);
  /// --dropout: sets every rate of the config.
  void set_dropout(double rate);
  /// config.json's text as the reference's save_pretrained writes it (keys sorted, architectures and dtype set).
  std::string to_json() const;
};

}  // namespace tekio
