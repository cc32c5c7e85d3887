// The back end on an NVIDIA GPU: cuBLASLt for matrix products, own kernels for everything else. One file a topic; ref/
// and cpu/ have the same file names. Everything is queued on one stream, in the order of the calls; only what returns a
// number to the host waits.
#pragma once

#include "compute/backend.h"
#include "compute/cuda/device.h"
#include "compute/cuda/product.h"
#include "compute/rotary.h"

namespace tekio::cuda {

class CudaBackend final : public Backend {
 public:
  /// Errors (device): there is no usable GPU, or no cuBLASLt.
  CudaBackend() : products_(device_) {}
  std::string name() const override { return "cuda"; }
  Memory& memory() override { return device_; }
  void wait() override { device_.wait(); }
  Bf16 bf16_products() const override { return Bf16::fast; }
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

 private:
  /// sums[width] += the column sums of x[n,width].
  void add_column_sums(Tensor sums, ConstTensor x);
  const float* rotary_rows(const Rotation& rotation, int64_t positions);

  Device device_;
  Products products_;
  std::vector<RotaryTable> rotary_tables_;
  std::vector<DeviceBuffer> rotary_on_device_;  // their rows
};

}  // namespace tekio::cuda
