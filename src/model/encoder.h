// The encoder: embeddings and layers, forward and backward, written once against Backend. Each function's backward
// stands right below it: embedding.cc, attend.cc, and a file for each kind of layer.
#pragma once

#include <span>

#include "compute/backend.h"
#include "model/dropouts.h"
#include "model/prepared_weights.h"

namespace tekio {

/// What one layer's forward leaves for its backward. In evaluation all layers but the last share one of these.
/// Letters: m, the rows that the layer's output is wanted for: all n tokens, and in the last layer the r masked ones.
struct LayerKept {
  Tensor qkv;        // [n,3C]; not in the last layer, which has instead
  Tensor x, q, kv;   // [r,C], [r,C], [n,2C]: the masked rows of its input, their queries, all keys and values
  Tensor attention;  // [m,H,2]
  Tensor mixed;      // [m,C]: the heads' outputs side by side
  NormKept norm1;    // [m,C], [m]
  Tensor middle;     // [m,C]: between attention and feed-forward
  Tensor up;         // [m,inner], gated [m,2 inner]: before the activation
  NormKept norm2;    // [m,C], [m]
  Tensor y;          // [m,C]
};

/// What the embeddings' forward leaves for their backward.
struct EmbeddingKept {
  NormKept norm;  // [n,E], [n]
  Tensor y;       // [n,E]: where it is projected, what is
};

/// Memory that a layer leaves free for the next.
struct EncoderScratch {
  Tensor tables;       // [n,E]: the sum of the tables' rows; branch's memory, like
  Tensor d_projected;  // [n,E]: the gradient of EmbeddingKept::y
  Tensor d_tables;     // [n,E]: d_middle's memory
  Tensor branch;       // [m,C]: what a residual norm adds; in backward d_mixed
  Tensor inner;        // [m,inner]: after the activation
  Tensor d_y;          // [m,C]: gradient of a layer's output
  Tensor d_x;          // [n,C]: where its backward leaves the gradient of its input; d_y's memory but in the last layer
  Tensor stream, stream_rows;      // [n,C], [r,C]: of pre-norm layers, what branches are added to; its masked rows
  Tensor d_stream, d_stream_rows;  // [n,C], [r,C]
  Tensor d_middle;                 // [m,C]
  Tensor d_inner;                  // like up
  Tensor d_qkv;                    // [n,3C]: d_inner's memory; in the last layer
  Tensor d_q, d_kv;                // [r,C], [n,2C]: likewise
};

/// One batch on its way through the encoder.
struct Pass {
  Backend& be;
  const ModelConfig& config;
  Sequences sequences;
  TableRows tokens;               ///< of n tokens
  std::span<const int32_t> rows;  ///< [r]: the rows that the last layer computes, since nothing else reaches the loss
  Dropouts dropouts;

  bool is_last(int64_t layer) const { return layer + 1 == config.layers; }
  /// The rows of a layer's output.
  Sequences wanted(int64_t layer) const { return is_last(layer) ? sequences.only(rows) : sequences; }
};

using LayerGradients = LayerOf<PairOf<Tensor>, PairOf<Tensor>>;

/// y[n,C] = dropout(norm(word + type + position)), projected where E is not C.
void embedding_forward(const Pass& p, const NetworkWeights& w, EmbeddingKept& k, EncoderScratch& s, Tensor y);
/// From d_y. The words' rows are those that `tokens` says, of `d_word`: the table's gradient, or that of some of its
/// rows.
void embedding_backward(const Pass& p, const NetworkWeights& w, WeightsOf<Tensor>& d_w, const EmbeddingKept& k,
                        EncoderScratch& s, ConstTensor d_y, Tensor d_word, const TableRows& tokens);

/// One kind of layer.
struct EncoderBlock {
  /// k.y[m,C] = layer(x[n,C]). x and k.y may be the same memory where no backward follows.
  void (*forward)(const Pass& p, int64_t layer, const LayerWeights& w, LayerKept& k, EncoderScratch& s, ConstTensor x);
  /// From s.d_y to s.d_x. Pre-norm layers also take the stream's gradient from s.d_stream, where the layer behind left
  /// it (the last one begins it), and leave it there.
  void (*backward)(const Pass& p, int64_t layer, const LayerWeights& w, LayerGradients& d_w, const LayerKept& k,
                   EncoderScratch& s, ConstTensor x);
  /// Where the first layer's backward leaves the gradient of its input instead.
  Tensor EncoderScratch::*d_embedded;
};
const EncoderBlock& post_norm_block();  // post_norm.cc
const EncoderBlock& pre_norm_block();   // pre_norm.cc

}  // namespace tekio
