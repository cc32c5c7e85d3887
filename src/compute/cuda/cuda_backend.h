// The back end on an NVIDIA GPU: cuBLASLt for matrix products, own kernels for everything else. One file a topic; ref/
// and cpu/ have the same file names. Everything is queued, in the order of the calls, and done when somebody waits, or
// reads. Gradients of weight matrices, which nobody needs soon, are computed beside what follows them: a product's last
// blocks leave many of the GPU's processors idle. A verb so announces what it works on before it is queued.
#pragma once

#include "compute/backend.h"
#include "compute/cuda/device.h"
#include "compute/cuda/product.h"
#include "compute/rotary.h"

namespace tekio::cuda {

class CudaBackend final : public Backend {
 public:
  /// On the GPU of this number. Errors (device): it is not usable, or there is no cuBLASLt.
  explicit CudaBackend(int number) : device_(number), products_(device_) {}
  std::string name() const override { return "cuda"; }
  Memory& memory() override { return device_; }
  void wait() override { device_.wait(); }
  /// In whole tiles of products: few shapes, each of which recurs.
  int64_t rows_to_compute(int64_t rows, int64_t most) const override {
    constexpr int64_t kProductTile = 128;
    return std::min(most, (rows + kProductTile - 1) / kProductTile * kProductTile);
  }
  /// Eight numbers are read and written at once, and cuBLASLt's fast ways want rows on borders.
  int64_t logits_width(int64_t vocabulary) const override {
    constexpr int64_t kBorder = 64;
    return (vocabulary + kBorder - 1) / kBorder * kBorder;
  }
  Bf16 bf16_products() const override { return Bf16::fast; }
  int64_t matrix_bytes(int64_t rows, int64_t columns) const override { return rows * columns * size_of(DType::bf16); }

 protected:
#define TEKIO_RUNS_ON_CUDA(Verb)            \
  void run(const verb::Verb& op) override { \
    announce(op);                           \
    compute(op);                            \
  }                                         \
  void compute(const verb::Verb& op);
  TEKIO_FOR_EACH_VERB(TEKIO_RUNS_ON_CUDA)
#undef TEKIO_RUNS_ON_CUDA

 private:
  void announce(Tensor x) { device_.announce({x.data, x.bytes(), true}); }
  void announce(ConstTensor x) { device_.announce({x.data, x.bytes(), false}); }
  void announce(const Matrix& x) { device_.announce({x.data, x.rows * x.columns * size_of(x.dtype), false}); }
  void announce(const verb::CopyMatrices& op) {
    for (const auto& [to, from] : op.copies) announce(Tensor(to.data, to.dtype, {to.rows, to.columns})), announce(from);
  }
  template <typename Verb>
  void announce(Verb op) {
    op.operands([&](const auto& operand) { announce(operand); });
  }
  /// sums[width] += the sums of the first `width` columns of x.
  void add_column_sums(Tensor sums, ConstTensor x);
  const float* rotary_rows(const Rotation& rotation, int64_t positions);

  Device device_;
  Products products_;
  std::vector<RotaryTable> rotary_tables_;
  std::vector<DeviceBuffer> rotary_on_device_;  // their rows
};

}  // namespace tekio::cuda
