// y = act(x w^T + b) and its gradients: products by cuBLASLt with the bias in their epilogue; activations and the bias'
// gradient by own kernels. In bf16 the bias is rounded to bf16 before it is added to the float32 sum, as the library's
// epilogue wants it.
#include "compute/activation.h"
#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/kernel.h"

namespace tekio::cuda {
namespace {

constexpr int kBlock = 256;

struct Copy {
  bf16* to;
  const float* from;
  int64_t count;
};
// blockIdx.y takes a copy, blockIdx.x its numbers in turns.
__global__ void round_all(const Copy* copies) {
  const Copy copy = copies[blockIdx.y];
  const int64_t eights = copy.count / kEight, stride = static_cast<int64_t>(gridDim.x) * kBlock;
  float number[kEight];
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kBlock + threadIdx.x; i < eights; i += stride) {
    load_eight(number, copy.from + i * kEight, kEight, true);
    store_eight(copy.to + i * kEight, number, kEight, true);
  }
  const int64_t last = eights * kEight + threadIdx.x;
  if (blockIdx.x == 0 && last < copy.count) copy.to[last] = narrow<bf16>(copy.from[last]);
}

void launch_copies(Device& device, const std::vector<Copy>& copies) {
  const unsigned across = static_cast<unsigned>(4 * device.multiprocessors());
  launch(device, "round_all", dim3(across, static_cast<unsigned>(copies.size())), kBlock, 0, round_all,
         device.upload(std::span<const Copy>(copies)));
}

// after = act(before), and d_before *= act'(before): either may be absent (nullptr). All have `count` numbers.
template <typename T>
__global__ void activate(T* after, T* d_before, const T* before, int64_t count, Activation act) {
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) * kBlock + threadIdx.x) * kEight;
  if (begin >= count) return;
  const int here = count - begin < kEight ? static_cast<int>(count - begin) : kEight;
  const bool whole = here == kEight;
  float x[kEight], y[kEight], d[kEight] = {};
  load_eight(x, before + begin, here, whole);
  if (d_before != nullptr) load_eight(d, d_before + begin, here, whole);
  for (int j = 0; j < kEight; ++j) {
    const auto [value, slope] = activation_at(act, x[j]);
    y[j] = value;
    d[j] *= slope;
  }
  if (after != nullptr) store_eight(after + begin, y, here, whole);
  if (d_before != nullptr) store_eight(d_before + begin, d, here, whole);
}

void launch_activate(const Device& device, Tensor after, Tensor d_before, ConstTensor before, Activation act) {
  with_type(before.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch(device, "activate", dim3(blocks_for(before.numel(), kBlock * kEight)), kBlock, 0, activate<T>,
           data_of<T>(after), data_of<T>(d_before), data_of<T>(before), before.numel(), act);
  });
}

Operand operand(ConstTensor x, bool transposed = false) { return {x.data, x.dtype, x.dim[0], x.dim[1], transposed}; }
Operand matrix_operand(const Matrix& w, bool transposed = false) {
  return {w.data, w.dtype, w.rows, w.columns, transposed};
}

// The bias as a product's epilogue takes it: of the result's kind.
const void* bias_of(Device& device, ConstTensor b, DType type) {
  if (!b || type == DType::f32) return b.data;
  auto* const rounded = static_cast<bf16*>(device.scratch(b.dim[0] * size_of(DType::bf16)));
  launch_copies(device, {{rounded, b.f32(), b.dim[0]}});
  return rounded;
}

}  // namespace

void CudaBackend::do_copy_matrices(std::span<const MatrixCopy> copies) {
  std::vector<Copy> list;
  for (const auto& [to, from] : copies) list.push_back({static_cast<bf16*>(to.data), from.f32(), from.numel()});
  launch_copies(device_, list);
}

void CudaBackend::do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b,
                            const Activation* act) {
  const Tensor product = act != nullptr ? kept : y;
  products_.multiply(product, operand(x), matrix_operand(w, true), bias_of(device_, b, y.dtype), false);
  if (act != nullptr) launch_activate(device_, y, {}, kept, *act);
}

void CudaBackend::do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x,
                                     const Matrix& w, Into into) {
  if (d_x) products_.multiply(d_x, operand(d_y), matrix_operand(w), nullptr, into == Into::add);
  products_.multiply(d_w, operand(d_y, true), operand(x), nullptr, true);
  if (d_b) add_column_sums(d_b, d_y);
}

void CudaBackend::do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) {
  launch_activate(device_, {}, d_y, kept, act);
}

void CudaBackend::do_activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b,
                                                ConstTensor d_y, ConstTensor kept, const Matrix& w, Activation act) {
  products_.multiply(d_kept, operand(d_y), matrix_operand(w), nullptr, false);
  launch_activate(device_, activated, d_kept, kept, act);
  products_.multiply(d_w, operand(d_y, true), operand(activated), nullptr, true);
  if (d_b) add_column_sums(d_b, d_y);
}

}  // namespace tekio::cuda
