// Post-norm transformer layers (Vaswani et al. 2017) as BERT has them. Its kin differ only by what their configs say:
// no token types, rates of 0, tables of another width, layers that share weights. The last layer gives masked rows
// only: no other row reaches the loss, so loss and gradients are those of the whole (a test holds it).
#include "model/attend.h"

namespace tekio {
namespace {

void post_norm_forward(const Pass& p, int64_t layer, const LayerWeights& w, LayerKept& k, EncoderScratch& s,
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

void post_norm_backward(const Pass& p, int64_t layer, const LayerWeights& w, LayerGradients& d_w, const LayerKept& k,
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
  attend_backward(p, layer, w, d_w, k, s, x, {d_rows, Into::add},
                  {s.d_x, p.is_last(layer) ? Into::overwrite : Into::add}, d_mixed);
}

}  // namespace

const EncoderBlock& post_norm_block() {
  static constexpr EncoderBlock kBlock = {post_norm_forward, post_norm_backward, &EncoderScratch::d_x};
  return kBlock;
}

}  // namespace tekio
