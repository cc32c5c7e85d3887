#include "model/attend.h"

namespace tekio {
namespace {

AttentionShape shape_of(const Pass& p, int64_t layer) {
  return {.heads = p.config.heads, .window = p.config.attention_of(layer).window};
}

// Turns heads by their positions, where the layer has such.
void rotate(const Pass& p, int64_t layer, Tensor x, int64_t columns, const Sequences& rows, bool back) {
  const double theta = p.config.attention_of(layer).rope_theta;
  if (theta > 0) p.be.rotate(x, columns, {.size = p.config.width / p.config.heads, .theta = theta, .back = back}, rows);
}

Tensor some_rows(const Tensor& tensor, int64_t begin, int64_t end) { return tensor ? tensor.rows(begin, end) : tensor; }

}  // namespace

ConstTensor attend(const Pass& p, int64_t layer, const LayerWeights& w, LayerKept& k, ConstTensor x) {
  const int64_t c = p.config.width;
  const Dropout drop = p.dropouts.at(layer, DropoutSite::attention);
  if (!p.is_last(layer)) {
    p.be.linear(k.qkv, x, w.qkv.weight, w.qkv.bias);  // [n,3C]
    rotate(p, layer, k.qkv, 2 * c, p.sequences, false);
    p.be.attention(k.mixed, k.attention, k.qkv, shape_of(p, layer), p.sequences, drop);
    return x;
  }
  p.be.linear(k.kv, x, w.kv.weight, w.kv.bias);  // [n,2C]
  rotate(p, layer, k.kv, c, p.sequences, false);
  p.be.gather_rows(k.x, x, p.rows);
  p.be.linear(k.q, k.x, w.q.weight, w.q.bias);  // [r,C]
  rotate(p, layer, k.q, c, p.wanted(layer), false);
  p.be.attention(k.mixed, k.attention, k.q, k.kv, shape_of(p, layer), p.wanted(layer), drop);
  return k.x;
}

void attend_backward(const Pass& p, int64_t layer, const LayerWeights& w, LayerGradients& d_w, const LayerKept& k,
                     EncoderScratch& s, ConstTensor x, GradientOf d_rows, GradientOf d_x, ConstTensor d_mixed) {
  const int64_t c = p.config.width;
  const Dropout drop = p.dropouts.at(layer, DropoutSite::attention);
  if (!p.is_last(layer)) {
    p.be.attention_backward(s.d_qkv, d_mixed, k.attention, k.qkv, shape_of(p, layer), p.sequences, drop);
    rotate(p, layer, s.d_qkv, 2 * c, p.sequences, true);
    p.be.linear_backward(d_x.d, d_w.qkv.weight, d_w.qkv.bias, s.d_qkv, x, w.qkv.weight, d_x.into);
    return;
  }
  p.be.attention_backward(s.d_q, s.d_kv, d_mixed, k.attention, k.q, k.kv, shape_of(p, layer), p.wanted(layer), drop);
  rotate(p, layer, s.d_q, c, p.wanted(layer), true);
  rotate(p, layer, s.d_kv, c, p.sequences, true);
  p.be.linear_backward(d_rows.d, d_w.qkv.weight.rows(0, c), some_rows(d_w.qkv.bias, 0, c), s.d_q, k.x, w.q.weight,
                       d_rows.into);
  p.be.linear_backward(d_x.d, d_w.qkv.weight.rows(c, 3 * c), some_rows(d_w.qkv.bias, c, 3 * c), s.d_kv, x, w.kv.weight,
                       d_x.into);
  p.be.gather_rows_backward(d_x.d, d_rows.d, p.rows, Into::add);
}

}  // namespace tekio
