// The reference back end: the specification of every op, as plain loops with double sums. One file a topic; cpu/ has
// the same file names.
#pragma once

#include "compute/backend.h"

namespace tekio {

class RefBackend final : public Backend {
 public:
  std::string name() const override { return "ref"; }
  Bf16 bf16_products() const override { return Bf16::slow; }
  int64_t matrix_bytes(int64_t rows, int64_t columns) const override { return rows * columns * size_of(DType::bf16); }

 protected:
  void do_embed(Tensor y, const TableRows& rows, ConstTensor word, ConstTensor position, ConstTensor type) override;
  void do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                         const TableRows& rows) override;
  void do_norm(Tensor sum, Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
               const Sequences* s, const Dropout& drop) override;
  void do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w,
                        const Sequences* s, const Dropout& drop, Into into) override;
  void do_copy_matrices(std::span<const MatrixCopy> copies) override;
  void do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b, const Activation* act) override;
  void do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                          Into into) override;
  void do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) override;
  void do_activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                     ConstTensor kept, const Matrix& w, Activation act) override;
  void do_rotate(Tensor x, int64_t columns, const Rotation& rotation, const Sequences& s) override;
  void do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape,
                    const Sequences& s, const Dropout& drop) override;
  void do_attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q, ConstTensor kv,
                             const AttentionShape& shape, const Sequences& s, const Dropout& drop) override;
  void do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) override;
  void do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into into) override;
  LabelLoss do_vocabulary_loss(Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                               float scale) override;
  void do_softmax_rows(Tensor logits) override;
  void do_zero(Tensor x) override;
  double do_squared_norm(ConstTensor x) override;
  void do_adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                const AdamWStep& step) override;
};

/// A tensor's elements, of either dtype: read exactly, written rounded once.
class ConstNumbers {
 public:
  ConstNumbers(const ConstTensor& t) : data_(t.data), dtype_(t.dtype) {}  // NOLINT: a view
  ConstNumbers(const Matrix& w) : data_(w.data), dtype_(w.dtype) {}       // NOLINT: ours lie row by row
  double operator[](int64_t i) const {
    return dtype_ == DType::f32 ? static_cast<const float*>(data_)[i] : static_cast<const bf16*>(data_)[i];
  }

 private:
  const void* data_;
  DType dtype_;
};
class Numbers : public ConstNumbers {
 public:
  Numbers(const Tensor& t) : ConstNumbers(ConstTensor(t)), data_(t.data), dtype_(t.dtype) {}  // NOLINT: a view
  void set(int64_t i, double value) const {
    if (dtype_ == DType::f32)
      static_cast<float*>(data_)[i] = static_cast<float>(value);
    else
      static_cast<bf16*>(data_)[i] = bf16(static_cast<float>(value));
  }

 private:
  void* data_;
  DType dtype_;
};

/// What dropout multiplies an element by: 0, or 1/(1-rate); 1 where it is off.
/// `index`: the element's place in drop.kept, if that is there.
inline double dropout_factor(const Dropout& drop, const DropoutRow& row, int64_t column, int64_t index) {
  if (!drop.on()) return 1;
  const bool kept = drop.kept != nullptr
                        ? drop.kept[index] != 0
                        : (kept_bits(drop, row, static_cast<uint32_t>(column / 8)) >> (column % 8) & 1) != 0;
  return kept ? drop.scale() : 0;
}

}  // namespace tekio
