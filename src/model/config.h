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

enum class Family { distilbert, bert };

struct ModelConfig {
  Family family = Family::distilbert;
  int64_t vocabulary = 0;  // V
  int64_t width = 0;       // C
  int64_t layers = 0;      // L
  int64_t heads = 0;       // H
  int64_t inner = 0;
  int64_t max_positions = 0;    // rows of the position embeddings
  int64_t type_vocabulary = 0;  // 0: no token types
  float norm_epsilon = 1e-12f;
  Activation activation = Activation::gelu;
  float hidden_dropout = 0;  // embeddings and feed-forward outputs
  float attention_dropout = 0;
  float attention_output_dropout = 0;  // 0 in DistilBERT: it has none there
  int32_t padding_id = 0;              // -1: none
  double initializer_range = 0.02;     // 0 is 0.02 too, as in transformers 5
  bool sinusoidal_positions = false;   // how the position embeddings begin
  bool tied = true;                    // the head's matrix is the word embeddings
  std::vector<std::string> notes;      // sentences on what config.json leaves open, and what was taken for it
  Json document;                       // config.json as it was read

  /// Tokens that the model takes at most: as many as it has positions.
  int64_t longest_input() const { return max_positions; }

  /// The family that other files tell of, if any.
  using FindFamily = std::function<std::optional<Family>()>;

  /// Reads and validates. Errors (input): unsupported family (names those supported), sizes missing, not positive,
  /// absurd, or not divisible.
  /// Where model_type is missing, `architectures` tells the family; where that is missing too, `find_family` is asked.
  static ModelConfig from_json(const Json& document, const std::string& where, const FindFamily& find_family = {});
  static ModelConfig from_folder(const std::filesystem::path& folder, const FindFamily& find_family = {});
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
