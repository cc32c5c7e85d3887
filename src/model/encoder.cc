// Post-norm transformer layers (Vaswani et al. 2017) as BERT has them. DistilBERT differs only by what its config says:
// no token types, and a rate of 0 after the attention's output.
#include "model/encoder.h"

namespace tekio {
namespace {

NormWeights norm_weights(const Pass& p, const NormOf<Tensor>& w) { return {w.weight, w.bias, p.config.norm_epsilon}; }
NormGradients norm_gradients(const NormOf<Tensor>& d_w) { return {d_w.weight, d_w.bias}; }

}  // namespace

void embedding_forward(const Pass& p, const EncoderWeights& w, NormKept& kept, EncoderScratch& s, Tensor y) {
  p.be.embed(s.branch, p.ids, p.type_ids, p.sequences, w.word, w.position, w.type);  // [n,C]
  p.be.norm(y, kept, s.branch, norm_weights(p, w.embedding_norm), p.sequences,
            p.dropouts.at(0, DropoutSite::embedding));
}

void embedding_backward(const Pass& p, const EncoderWeights& w, EncoderWeights& d_w, const NormKept& kept,
                        EncoderScratch& s) {
  p.be.norm_backward(s.d_middle, norm_gradients(d_w.embedding_norm), s.d_y, kept, norm_weights(p, w.embedding_norm),
                     p.sequences, p.dropouts.at(0, DropoutSite::embedding));
  p.be.embed_backward(d_w.word, d_w.position, d_w.type, s.d_middle, p.ids, p.type_ids, p.sequences,
                      p.config.padding_id);
}

void layer_forward(const Pass& p, int64_t layer, const LayerOf<Tensor>& w, LayerKept& k, EncoderScratch& s,
                   ConstTensor x) {
  const auto drop = [&](DropoutSite site) { return p.dropouts.at(layer, site); };
  p.be.linear(k.qkv, x, w.qkv, w.qkv_bias);                                                                // [n,3C]
  p.be.attention(k.mixed, k.attention, k.qkv, p.config.heads, p.sequences, drop(DropoutSite::attention));  // [n,C]
  p.be.linear(s.branch, k.mixed, w.out, w.out_bias);                                                       // [n,C]
  p.be.residual_norm(k.middle, k.norm1, x, s.branch, norm_weights(p, w.norm1), p.sequences,
                     drop(DropoutSite::attention_output));
  p.be.linear_activation(k.inner, k.up, k.middle, w.up, w.up_bias, p.config.activation);  // [n,inner]
  p.be.linear(s.branch, k.inner, w.down, w.down_bias);                                    // [n,C]
  p.be.residual_norm(k.y, k.norm2, k.middle, s.branch, norm_weights(p, w.norm2), p.sequences,
                     drop(DropoutSite::output));
}

void layer_backward(const Pass& p, int64_t layer, const LayerOf<Tensor>& w, LayerOf<Tensor>& d_w, const LayerKept& k,
                    EncoderScratch& s, ConstTensor x) {
  const auto drop = [&](DropoutSite site) { return p.dropouts.at(layer, site); };
  const Tensor d_branch2 = s.d_y;  // takes the memory of the gradient that it is made from
  p.be.residual_norm_backward(s.d_middle, d_branch2, norm_gradients(d_w.norm2), s.d_y, k.norm2,
                              norm_weights(p, w.norm2), p.sequences, drop(DropoutSite::output));
  p.be.linear_backward(s.d_inner, d_w.down, d_w.down_bias, d_branch2, k.inner, w.down);
  p.be.linear_activation_backward(s.d_middle, d_w.up, d_w.up_bias, s.d_inner, k.up, k.middle, w.up, p.config.activation,
                                  Into::add);
  const Tensor d_x = s.d_y, d_branch1 = s.d_middle;  // likewise
  p.be.residual_norm_backward(d_x, d_branch1, norm_gradients(d_w.norm1), s.d_middle, k.norm1, norm_weights(p, w.norm1),
                              p.sequences, drop(DropoutSite::attention_output));
  const Tensor d_mixed = s.branch;
  p.be.linear_backward(d_mixed, d_w.out, d_w.out_bias, d_branch1, k.mixed, w.out);
  p.be.attention_backward(s.d_qkv, d_mixed, k.attention, k.qkv, p.config.heads, p.sequences,
                          drop(DropoutSite::attention));
  p.be.linear_backward(d_x, d_w.qkv, d_w.qkv_bias, s.d_qkv, x, w.qkv, Into::add);
}

}  // namespace tekio
