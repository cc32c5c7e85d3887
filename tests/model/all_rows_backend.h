// A back end that gives the loss of some rows only, as the reference does with labels of -100: the others' logits get
// no gradient. With it the whole head can run on every row, and must give the same loss and gradients as on masked rows
// alone.
#pragma once

#include <memory>
#include <vector>

#include "compute/backend.h"

namespace tekio::test {

class IgnoringBackend : public Backend {
 public:
  IgnoringBackend(Backend& inner, std::vector<bool> counted) : be_(inner), counted_(std::move(counted)) {}
  std::string name() const override { return "ignoring " + be_.name(); }

 protected:
  void do_embed(Tensor y, std::span<const int32_t> ids, std::span<const int32_t> type_ids, const Sequences& s,
                ConstTensor word, ConstTensor position, ConstTensor type) override {
    be_.embed(y, ids, type_ids, s, word, position, type);
  }
  void do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y, std::span<const int32_t> ids,
                         std::span<const int32_t> type_ids, const Sequences& s, int32_t padding_id) override {
    be_.embed_backward(d_word, d_position, d_type, d_y, ids, type_ids, s, padding_id);
  }
  void do_norm(Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w, const Sequences* s,
               const Dropout& drop) override {
    if (branch) {
      be_.residual_norm(y, kept, x, branch, w, *s, drop);
    } else if (s != nullptr) {
      be_.norm(y, kept, x, w, *s, drop);
    } else {
      be_.norm(y, kept, x, w);
    }
  }
  void do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w,
                        const Sequences* s, const Dropout& drop) override {
    if (d_branch) {
      be_.residual_norm_backward(d_x, d_branch, d_w, d_y, kept, w, *s, drop);
    } else if (s != nullptr) {
      be_.norm_backward(d_x, d_w, d_y, kept, w, *s, drop);
    } else {
      be_.norm_backward(d_x, d_w, d_y, kept, w);
    }
  }
  void do_linear(Tensor y, Tensor kept, ConstTensor x, ConstTensor w, ConstTensor b, const Activation* act) override {
    if (act != nullptr) {
      be_.linear_activation(y, kept, x, w, b, *act);
    } else {
      be_.linear(y, x, w, b);
    }
  }
  void do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, ConstTensor w,
                          Into into) override {
    be_.linear_backward(d_x, d_w, d_b, d_y, x, w, into);
  }
  void do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) override {
    // The inner back end has this only together with a product: one with an identity, whose result is of no use, will
    // do.
    const int64_t columns = d_y.dim[1];
    std::vector<float> x(static_cast<size_t>(d_y.dim[0])), w(static_cast<size_t>(columns)), d_w(w.size());
    be_.linear_activation_backward({}, Tensor(d_w.data(), DType::f32, {columns, 1}), {}, d_y, kept,
                                   ConstTensor(x.data(), DType::f32, {d_y.dim[0], 1}),
                                   ConstTensor(w.data(), DType::f32, {columns, 1}), act);
  }
  void do_attention(Tensor y, Tensor kept, ConstTensor qkv, int64_t heads, const Sequences& s,
                    const Dropout& drop) override {
    be_.attention(y, kept, qkv, heads, s, drop);
  }
  void do_attention_backward(Tensor d_qkv, ConstTensor d_y, ConstTensor kept, ConstTensor qkv, int64_t heads,
                             const Sequences& s, const Dropout& drop) override {
    be_.attention_backward(d_qkv, d_y, kept, qkv, heads, s, drop);
  }
  void do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) override { be_.gather_rows(y, x, rows); }
  void do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows) override {
    be_.gather_rows_backward(d_x, d_y, rows);
  }
  double do_vocabulary_loss(Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                            float scale) override {
    double sum = 0;
    for (size_t i = 0; i < labels.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      if (counted_[i]) {
        sum += be_.vocabulary_loss(d_logits.rows(row, row + 1), logits.rows(row, row + 1), labels.subspan(i, 1), scale);
      } else {
        be_.zero(d_logits.rows(row, row + 1));
      }
    }
    return sum;
  }
  void do_softmax_rows(Tensor logits) override { be_.softmax_rows(logits); }
  void do_zero(Tensor x) override { be_.zero(x); }
  double do_squared_norm(ConstTensor x) override { return be_.squared_norm(x); }
  void do_adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                const AdamWStep& step) override {
    be_.adamw(parameters, moment1, moment2, gradients, step);
  }

 private:
  Backend& be_;
  std::vector<bool> counted_;
};

}  // namespace tekio::test
