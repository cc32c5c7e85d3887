// A back end that hands every call on to another: the base of those that watch or change some of the ops.
#pragma once

#include <string>

#include "compute/backend.h"

namespace tekio {

class ForwardingBackend : public Backend {
 public:
  /// `inner` must outlive this.
  explicit ForwardingBackend(Backend& inner) : inner_(inner) {}
  std::string name() const override { return inner_.name(); }
  Bf16 bf16_products() const override { return inner_.bf16_products(); }
  std::vector<std::string> bf16_kernels() const override { return inner_.bf16_kernels(); }
  void use_bf16_kernel(const std::string& name) override { inner_.use_bf16_kernel(name); }
  Memory& memory() override { return inner_.memory(); }
  void wait() override { inner_.wait(); }
  int64_t matrix_bytes(int64_t rows, int64_t columns) const override { return inner_.matrix_bytes(rows, columns); }

 protected:
  void do_embed(Tensor y, const TableRows& rows, ConstTensor word, ConstTensor position, ConstTensor type) override {
    inner_.do_embed(y, rows, word, position, type);
  }
  void do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                         const TableRows& rows) override {
    inner_.do_embed_backward(d_word, d_position, d_type, d_y, rows);
  }
  void do_norm(Tensor sum, Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
               const Sequences* s, const Dropout& drop) override {
    inner_.do_norm(sum, y, kept, x, branch, w, s, drop);
  }
  void do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w,
                        const Sequences* s, const Dropout& drop, Into into) override {
    inner_.do_norm_backward(d_x, d_branch, d_w, d_y, kept, w, s, drop, into);
  }
  void do_copy_matrices(std::span<const MatrixCopy> copies) override { inner_.do_copy_matrices(copies); }
  void do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b, const Activation* act) override {
    inner_.do_linear(y, kept, x, w, b, act);
  }
  void do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                          Into into) override {
    inner_.do_linear_backward(d_x, d_w, d_b, d_y, x, w, into);
  }
  void do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) override {
    inner_.do_activation_backward(d_y, kept, act);
  }
  void do_activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                     ConstTensor kept, const Matrix& w, Activation act) override {
    inner_.do_activation_linear_backward(d_kept, activated, d_w, d_b, d_y, kept, w, act);
  }
  void do_rotate(Tensor x, int64_t columns, const Rotation& rotation, const Sequences& s) override {
    inner_.do_rotate(x, columns, rotation, s);
  }
  void do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape,
                    const Sequences& s, const Dropout& drop) override {
    inner_.do_attention(y, kept, q, kv, shape, s, drop);
  }
  void do_attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q, ConstTensor kv,
                             const AttentionShape& shape, const Sequences& s, const Dropout& drop) override {
    inner_.do_attention_backward(d_q, d_kv, d_y, kept, q, kv, shape, s, drop);
  }
  void do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) override {
    inner_.do_gather_rows(y, x, rows);
  }
  void do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into into) override {
    inner_.do_gather_rows_backward(d_x, d_y, rows, into);
  }
  LabelLoss do_vocabulary_loss(Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                               float scale) override {
    return inner_.do_vocabulary_loss(d_logits, logits, labels, scale);
  }
  void do_softmax_rows(Tensor logits) override { inner_.do_softmax_rows(logits); }
  void do_zero(Tensor x) override { inner_.do_zero(x); }
  double do_squared_norm(ConstTensor x) override { return inner_.do_squared_norm(x); }
  void do_adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                const AdamWStep& step) override {
    inner_.do_adamw(parameters, moment1, moment2, gradients, step);
  }

 private:
  Backend& inner_;
};

}  // namespace tekio
