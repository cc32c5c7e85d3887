// The encoder: embeddings and layers, forward and backward, written once against Backend. Each function's backward
// stands right below it in encoder.cc.
#pragma once

#include <span>

#include "compute/backend.h"
#include "model/dropouts.h"
#include "model/weights.h"

namespace tekio {

/// What one layer's forward leaves for its backward. In evaluation all layers share one of these.
struct LayerKept {
  Tensor qkv;        // [n,3C]
  Tensor attention;  // [sum of H T_k^2]
  Tensor mixed;      // [n,C]: the heads' outputs side by side
  NormKept norm1;    // [n,C], [n]
  Tensor middle;     // [n,C]: between attention and feed-forward
  Tensor up;         // [n,inner]: before the activation
  Tensor inner;      // [n,inner]: after it
  NormKept norm2;    // [n,C], [n]
  Tensor y;          // [n,C]
};

/// Memory that a layer leaves free for the next.
struct EncoderScratch {
  Tensor branch;    // [n,C]: what a residual norm adds; in backward d_mixed
  Tensor d_y;       // [n,C]: gradient of a layer's output; its backward leaves its input's here
  Tensor d_middle;  // [n,C]
  Tensor d_inner;   // [n,inner]
  Tensor d_qkv;     // [n,3C]: d_inner's memory
};

/// One batch on its way through the encoder.
struct Pass {
  Backend& be;
  const ModelConfig& config;
  Sequences sequences;
  std::span<const int32_t> ids;       ///< [n]
  std::span<const int32_t> type_ids;  ///< [n] or empty
  Dropouts dropouts;
};

/// y[n,C] = dropout(norm(word + type + position)).
void embedding_forward(const Pass& p, const EncoderWeights& w, NormKept& kept, EncoderScratch& s, Tensor y);
void embedding_backward(const Pass& p, const EncoderWeights& w, EncoderWeights& d_w, const NormKept& kept,
                        EncoderScratch& s);

/// k.y[n,C] = layer(x[n,C]). x and k.y may be the same memory where no backward follows.
void layer_forward(const Pass& p, int64_t layer, const LayerOf<Tensor>& w, LayerKept& k, EncoderScratch& s,
                   ConstTensor x);
void layer_backward(const Pass& p, int64_t layer, const LayerOf<Tensor>& w, LayerOf<Tensor>& d_w, const LayerKept& k,
                    EncoderScratch& s, ConstTensor x);

}  // namespace tekio
