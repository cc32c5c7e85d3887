// All memory of a model's passes, laid out once for the largest batch and cut to size for each.
#pragma once

#include <memory>
#include <vector>

#include "compute/arena.h"
#include "model/encoder.h"
#include "model/mlm_model.h"

namespace tekio {

/// What the masked-LM head holds. In backward, d_logits takes the logits' memory.
struct HeadKept {
  Tensor x;          // [r,C]: the masked rows of the encoder's output
  Tensor transform;  // [r,C]: before the activation
  Tensor activated;  // [r,C]
  NormKept norm;     // [r,C], [r]
  Tensor y;          // [r,C]
  Tensor logits;     // [r,V]
  Tensor d_a, d_b;   // [r,C]
};

/// Everything of one pass, cut to one batch's n, r and lengths.
struct PassMemory {
  Tensor embedded;  // [n,C]
  NormKept embedding_norm;
  EncoderScratch scratch;
  HeadKept head;
};

struct MlmModel::Activations {
  Activations(const ModelConfig& config, const BatchLimits& limits, bool training);
  static MemoryPlan plan(const ModelConfig& config, const BatchLimits& limits, bool training, bool explicit_dropout);

  PassMemory cut(const Batch& batch) const;
  LayerKept cut_layer(size_t layer, const Batch& batch) const;
  bool fits(const Batch& batch) const;

  ModelConfig config;
  BatchLimits limits;
  bool training;
  std::vector<Arena> arenas;
  PassMemory whole;
  std::vector<LayerKept> layers;        // one if not training
  std::unique_ptr<DrawnDropout> drawn;  // made when first needed
  // Between forward() and backward():
  Dropouts dropouts;
  bool forwarded = false;
};

}  // namespace tekio
