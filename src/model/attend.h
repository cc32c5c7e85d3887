// Attention as both kinds of layers have it: the product that makes queries, keys and values, their turning by
// position, and attention itself, of all rows or, in the last layer, of the masked ones only.
#pragma once

#include "model/encoder.h"

namespace tekio {

/// A gradient and how it is written.
struct GradientOf {
  Tensor d;
  Into into;
};

inline NormGradients norm_gradients(const PairOf<Tensor>& d_w) { return {d_w.weight, d_w.bias}; }

/// k.mixed[m,C] from x[n,C]. Returns the m rows of x that ask.
ConstTensor attend(const Pass& p, int64_t layer, const LayerWeights& w, LayerKept& k, ConstTensor x);
/// From d_mixed[m,C] to d_x[n,C]. In the last layer the rows that ask have a gradient of their own, d_rows[m,C], which
/// is added to d_x in the end.
void attend_backward(const Pass& p, int64_t layer, const LayerWeights& w, LayerGradients& d_w, const LayerKept& k,
                     EncoderScratch& s, ConstTensor x, GradientOf d_rows, GradientOf d_x, ConstTensor d_mixed);

}  // namespace tekio
