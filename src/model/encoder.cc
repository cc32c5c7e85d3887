// Post-norm transformer layers (Vaswani et al. 2017) as BERT has them. Its kin differ only by what their configs say:
// no token types, rates of 0, tables of another width, layers that share weights. The last layer gives masked rows
// only: no other row reaches the loss, so loss and gradients are those of the whole (a test holds it).
#include "model/encoder.h"

namespace tekio {
namespace {

NormGradients norm_gradients(const PairOf<Tensor>& d_w) { return {d_w.weight, d_w.bias}; }

}  // namespace

void embedding_forward(const Pass& p, const NetworkWeights& w, EmbeddingKept& k, EncoderScratch& s, Tensor y) {
  const Tensor normed = p.config.projects ? k.y : y;           // [n,E]
  p.be.embed(s.tables, p.tokens, w.word, w.position, w.type);  // [n,E]
  p.be.norm(normed, k.norm, s.tables, w.embedding_norm, p.sequences, p.dropouts.at(0, DropoutSite::embedding));
  if (p.config.projects) p.be.linear(y, normed, w.project.weight, w.project.bias);  // [n,C]
}

void embedding_backward(const Pass& p, const NetworkWeights& w, WeightsOf<Tensor>& d_w, const EmbeddingKept& k,
                        EncoderScratch& s) {
  const Tensor d_normed = p.config.projects ? s.d_projected : s.d_x;
  if (p.config.projects)
    p.be.linear_backward(d_normed, d_w.project.weight, d_w.project.bias, s.d_x, k.y, w.project.weight);
  p.be.norm_backward(s.d_tables, norm_gradients(d_w.embedding_norm), d_normed, k.norm, w.embedding_norm, p.sequences,
                     p.dropouts.at(0, DropoutSite::embedding));
  p.be.embed_backward(d_w.word.weight, d_w.position.weight, d_w.type.weight, s.d_tables, p.tokens);
}

namespace {

// k.mixed[m,C]: attention, of all rows or, in the last layer, of the masked ones only. Returns those rows of x.
ConstTensor attend(const Pass& p, int64_t layer, const LayerWeights& w, LayerKept& k, ConstTensor x) {
  const Dropout drop = p.dropouts.at(layer, DropoutSite::attention);
  if (!p.is_last(layer)) {
    p.be.linear(k.qkv, x, w.qkv.weight, w.qkv.bias);  // [n,3C]
    p.be.attention(k.mixed, k.attention, k.qkv, {p.config.heads}, p.sequences, drop);
    return x;
  }
  p.be.linear(k.kv, x, w.kv.weight, w.kv.bias);  // [n,2C]
  p.be.gather_rows(k.x, x, p.rows);
  p.be.linear(k.q, k.x, w.q.weight, w.q.bias);  // [r,C]
  p.be.attention(k.mixed, k.attention, k.q, k.kv, {p.config.heads}, p.wanted(layer), drop);
  return k.x;
}

// s.d_x[n,C] from d_mixed[m,C] and d_rows[m,C], the gradient that the rows of x already have.
void attend_backward(const Pass& p, int64_t layer, const LayerWeights& w, LayerGradients& d_w, const LayerKept& k,
                     EncoderScratch& s, ConstTensor x, Tensor d_rows, ConstTensor d_mixed) {
  const int64_t c = p.config.width;
  const Dropout drop = p.dropouts.at(layer, DropoutSite::attention);
  if (!p.is_last(layer)) {
    p.be.attention_backward(s.d_qkv, d_mixed, k.attention, k.qkv, {p.config.heads}, p.sequences, drop);
    p.be.linear_backward(s.d_x, d_w.qkv.weight, d_w.qkv.bias, s.d_qkv, x, w.qkv.weight, Into::add);
    return;
  }
  p.be.attention_backward(s.d_q, s.d_kv, d_mixed, k.attention, k.q, k.kv, {p.config.heads}, p.wanted(layer), drop);
  p.be.linear_backward(d_rows, d_w.qkv.weight.rows(0, c), d_w.qkv.bias.rows(0, c), s.d_q, k.x, w.q.weight, Into::add);
  p.be.linear_backward(s.d_x, d_w.qkv.weight.rows(c, 3 * c), d_w.qkv.bias.rows(c, 3 * c), s.d_kv, x, w.kv.weight);
  p.be.gather_rows_backward(s.d_x, d_rows, p.rows, Into::add);
}

}  // namespace

void layer_forward(const Pass& p, int64_t layer, const LayerWeights& w, LayerKept& k, EncoderScratch& s,
                   ConstTensor x) {
  const auto drop = [&](DropoutSite site) { return p.dropouts.at(layer, site); };
  const Sequences wanted = p.wanted(layer);
  const ConstTensor rows = attend(p, layer, w, k, x);        // [m,C]
  p.be.linear(s.branch, k.mixed, w.out.weight, w.out.bias);  // [m,C]
  p.be.residual_norm(k.middle, k.norm1, rows, s.branch, w.norm1, wanted, drop(DropoutSite::attention_output));
  p.be.linear_activation(s.inner, k.up, k.middle, w.up.weight, w.up.bias, p.config.activation);  // [m,inner]
  p.be.linear(s.branch, s.inner, w.down.weight, w.down.bias);                                    // [m,C]
  p.be.residual_norm(k.y, k.norm2, k.middle, s.branch, w.norm2, wanted, drop(DropoutSite::output));
}

void layer_backward(const Pass& p, int64_t layer, const LayerWeights& w, LayerGradients& d_w, const LayerKept& k,
                    EncoderScratch& s, ConstTensor x) {
  const auto drop = [&](DropoutSite site) { return p.dropouts.at(layer, site); };
  const Sequences wanted = p.wanted(layer);
  const Tensor d_branch2 = s.d_y;  // takes the memory of the gradient that it is made from
  p.be.residual_norm_backward(s.d_middle, d_branch2, norm_gradients(d_w.norm2), s.d_y, k.norm2, w.norm2, wanted,
                              drop(DropoutSite::output));
  p.be.activation_linear_backward(s.d_inner, s.inner, d_w.down.weight, d_w.down.bias, d_branch2, k.up, w.down.weight,
                                  p.config.activation);
  p.be.linear_backward(s.d_middle, d_w.up.weight, d_w.up.bias, s.d_inner, k.middle, w.up.weight, Into::add);
  const Tensor d_rows = s.d_y, d_branch1 = s.d_middle;  // likewise
  p.be.residual_norm_backward(d_rows, d_branch1, norm_gradients(d_w.norm1), s.d_middle, k.norm1, w.norm1, wanted,
                              drop(DropoutSite::attention_output));
  const Tensor d_mixed = s.branch;
  p.be.linear_backward(d_mixed, d_w.out.weight, d_w.out.bias, d_branch1, k.mixed, w.out.weight);
  attend_backward(p, layer, w, d_w, k, s, x, d_rows, d_mixed);
}

}  // namespace tekio
