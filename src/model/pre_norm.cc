// Pre-norm transformer layers as ModernBERT has them: branches are added to a stream, and what a branch begins with is
// a norm of it; the feed-forward is gated. A layer takes the normed stream and gives that which the next one takes, so
// that its two norms are the one before its feed-forward and the one before the next layer, or behind the last. Sums
// are not kept: backward needs their norms only. The last layer gives masked rows only, as post_norm.cc says.
#include "model/attend.h"

namespace tekio {
namespace {

void pre_norm_forward(const Pass& p, int64_t layer, const LayerWeights& w, LayerKept& k, EncoderScratch& s,
                      ConstTensor x) {
  const Sequences wanted = p.wanted(layer);
  attend(p, layer, w, k, x);
  p.be.linear(s.branch, k.mixed, w.out.weight, w.out.bias);  // [m,C]
  ConstTensor before = layer == 0 ? x : ConstTensor(s.stream);
  if (p.is_last(layer)) {
    p.be.gather_rows(s.stream_rows, before, p.rows);
    before = s.stream_rows;
  }
  const Tensor sum = p.is_last(layer) ? s.stream_rows : s.stream;  // [m,C]
  p.be.add_norm(sum, k.middle, k.norm1, before, s.branch, w.norm1, wanted,
                p.dropouts.at(layer, DropoutSite::attention_output));
  p.be.linear_gated(s.inner, k.up, k.middle, w.up.weight, w.up.bias, p.config.activation);  // [m,inner], [m,2 inner]
  p.be.linear(s.branch, s.inner, w.down.weight, w.down.bias);                               // [m,C]
  p.be.add_norm(sum, k.y, k.norm2, sum, s.branch, w.norm2, wanted, {});
}

// The gradient of the stream goes from layer to layer in s.d_stream, beside that of the normed stream.
void pre_norm_backward(const Pass& p, int64_t layer, const LayerWeights& w, LayerGradients& d_w, const LayerKept& k,
                       EncoderScratch& s, ConstTensor x) {
  const Sequences wanted = p.wanted(layer);
  const Tensor d_sum = p.is_last(layer) ? s.d_stream_rows : s.d_stream;
  if (p.is_last(layer))  // nothing but the sum's norm reaches the head
    p.be.norm_backward(d_sum, norm_gradients(d_w.norm2), s.d_y, k.norm2, w.norm2);
  else
    p.be.add_norm_backward(d_sum, {}, norm_gradients(d_w.norm2), s.d_y, k.norm2, w.norm2, wanted, {});
  p.be.gated_linear_backward(s.d_inner, s.inner, d_w.down.weight, d_w.down.bias, d_sum, k.up, w.down.weight,
                             p.config.activation);
  p.be.linear_backward(s.d_middle, d_w.up.weight, d_w.up.bias, s.d_inner, k.middle, w.up.weight);
  const Dropout drop = p.dropouts.at(layer, DropoutSite::attention_output);
  const Tensor d_dropped = drop.on() ? s.d_middle : Tensor();  // without dropout a branch's gradient is the sum's
  p.be.add_norm_backward(d_sum, d_dropped, norm_gradients(d_w.norm1), s.d_middle, k.norm1, w.norm1, wanted, drop);
  const Tensor d_mixed = s.branch;
  p.be.linear_backward(d_mixed, d_w.out.weight, d_w.out.bias, drop.on() ? d_dropped : d_sum, k.mixed, w.out.weight);
  if (p.is_last(layer)) p.be.gather_rows_backward(s.d_stream, d_sum, p.rows);
  // The first layer's input is the stream itself.
  const GradientOf d_x = layer == 0 ? GradientOf{s.d_stream, Into::add} : GradientOf{s.d_x, Into::overwrite};
  attend_backward(p, layer, w, d_w, k, s, x, {s.d_y, Into::overwrite}, d_x, d_mixed);
}

}  // namespace

const EncoderBlock& pre_norm_block() {
  static constexpr EncoderBlock kBlock = {pre_norm_forward, pre_norm_backward, &EncoderScratch::d_stream};
  return kBlock;
}

}  // namespace tekio
