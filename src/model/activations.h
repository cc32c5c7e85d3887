// All memory of a model's passes, laid out once for the largest batch and cut to size for each.
#pragma once

#include <memory>
#include <vector>

#include "compute/arena.h"
#include "model/encoder.h"
#include "model/mlm_network.h"

namespace tekio {

/// What the masked-LM head holds; its input is the last layer's y. In backward, d_logits takes the logits' memory.
struct HeadKept {
  Tensor transform;  // [r,E]: before the activation
  Tensor activated;  // [r,E]
  NormKept norm;     // [r,E], [r]
  Tensor y;          // [r,E]
  Tensor logits;     // [r,V], as wide as the back end likes
  Tensor each;       // [r,kLabelLoss], float64: what evaluation makes of the rows
  Tensor d_a, d_b;   // [r,E]
};

/// Everything of one pass, cut to one batch's n, r and lengths.
struct PassMemory {
  Tensor embedded;  // [n,C]
  EmbeddingKept embedding;
  EncoderScratch scratch, last_scratch;  // of the last layer, whose rows are the masked ones
  HeadKept head;
};

struct MlmNetwork::Activations {
  Activations(const ModelConfig& config, const BatchLimits& limits, bool training, DType type, Backend& backend);
  static void add_to(MemoryPlan& plan, const ModelConfig& config, const Backend& backend, const BatchLimits& limits,
                     bool training, DType type);

  /// For n tokens, of which the last layer and the head compute r.
  PassMemory cut(int64_t n, int64_t r) const;
  LayerKept cut_layer(size_t layer, int64_t n, int64_t r) const;
  bool fits(const Batch& batch) const;
  /// Sets `rows` and `labels`: the batch's masked rows, and as many others, which do not count, as the back end likes.
  void choose_rows(const Batch& batch, const Backend& backend);

  ModelConfig config;
  BatchLimits limits;
  bool training;
  DType type;
  std::vector<Arena> arenas;
  PassMemory whole;
  std::vector<LayerKept> layers;        // if not training, one for all but the last, and the last
  std::unique_ptr<DrawnDropout> drawn;  // made when first needed
  std::vector<int32_t> positions;       // of the batch at hand
  std::vector<int32_t> rows, labels;    // what of it the last layer and the head compute; a label of -1 does not count
  std::vector<int32_t> looked_up;       // its tokens' numbers among LookedUp::ids
  // Between forward() and backward():
  Dropouts dropouts;
  bool forwarded = false;
};

}  // namespace tekio
