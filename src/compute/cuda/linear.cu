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
  static constexpr bool kNoPadding = true;
  bf16* to;
  const float* from;
  int64_t count;
};
// All numbers of a copy, in turns. Parts of tensors need not lie on borders of sixteen bytes.
__device__ void round_copy(const Copy& copy) {
  const bool whole = ((reinterpret_cast<uintptr_t>(copy.to) | reinterpret_cast<uintptr_t>(copy.from)) & 15) == 0;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kBlock * kEight;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * kBlock + threadIdx.x) * kEight; i < copy.count; i += stride) {
    const int here = static_cast<int>(min(int64_t{kEight}, copy.count - i));
    float number[kEight];
    load_eight(number, copy.from + i, here, whole && here == kEight);
    store_eight(copy.to + i, number, here, whole && here == kEight);
  }
}
// blockIdx.y takes a copy.
__global__ void round_all(const Copy* copies) { round_copy(copies[blockIdx.y]); }
__global__ void round_one(Copy copy) { round_copy(copy); }

// The first `width` columns of every row of y, `stride` apart, = row; `count` numbers.
template <typename T>
__global__ void fill_rows(T* y, const T* row, int64_t count, int64_t width, int64_t stride) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kBlock + threadIdx.x;
  if (i < count) y[i / width * stride + i % width] = row[i % width];
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

// gated = act(a) b of each row's halves a and b in `before` and, where `d_before` is there, its halves from d_gated.
template <typename T>
__global__ void gate(T* gated, T* d_before, const T* d_gated, const T* before, int64_t count, int width,
                     Activation act) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kBlock + threadIdx.x;
  if (i >= count) return;
  const int64_t a = i / width * 2 * width + i % width, b = a + width;
  const auto [value, slope] = activation_at(act, wide(before[a]));
  const float factor = wide(before[b]);
  gated[i] = narrow<T>(value * factor);
  if (d_before == nullptr) return;
  const float d = wide(d_gated[i]);
  d_before[a] = narrow<T>(d * factor * slope);
  d_before[b] = narrow<T>(d * value);
}

void launch_gate(Device& device, Tensor gated, Tensor d_before, ConstTensor d_gated, ConstTensor before,
                 Activation act) {
  with_type(before.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch(device, "gate", dim3(blocks_for(gated.numel(), kBlock)), kBlock, 0, gate<T>, data_of<T>(gated),
           data_of<T>(d_before), data_of<T>(d_gated), data_of<T>(before), gated.numel(), static_cast<int>(gated.dim[1]),
           act);
  });
}

void launch_activate(Device& device, Tensor after, Tensor d_before, ConstTensor before, Activation act) {
  with_type(before.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch(device, "activate", dim3(blocks_for(before.numel(), kBlock * kEight)), kBlock, 0, activate<T>,
           data_of<T>(after), data_of<T>(d_before), data_of<T>(before), before.numel(), act);
  });
}

// The first `columns` columns of a tensor.
Operand columns_operand(ConstTensor x, int64_t columns, bool transposed = false) {
  return {x.data, x.dtype, x.dim[0], columns, x.dim[1], transposed};
}
Operand operand(ConstTensor x, bool transposed = false) { return columns_operand(x, x.dim[1], transposed); }
Operand matrix_operand(const Matrix& w, bool transposed = false) {
  return {w.data, w.dtype, w.rows, w.columns, w.columns, transposed};
}

// The bias as a product's epilogue takes it: of the result's kind.
const void* bias_of(Device& device, ConstTensor b, DType type) {
  if (!b || type == DType::f32) return b.data;
  auto* const rounded = static_cast<bf16*>(device.scratch(b.dim[0] * size_of(DType::bf16)));
  launch(device, "round_one", dim3(blocks_for(b.dim[0], kBlock * kEight)), kBlock, 0, round_one,
         Copy{rounded, b.f32(), b.dim[0]});
  return rounded;
}

}  // namespace

void CudaBackend::compute(const verb::CopyMatrices& op) {
  std::vector<Copy> list;
  for (const auto& [to, from] : op.copies) list.push_back({static_cast<bf16*>(to.data), from.f32(), from.numel()});
  const auto across = static_cast<unsigned>(4 * device_.multiprocessors());
  launch(device_, "round_all", dim3(across, static_cast<unsigned>(list.size())), kBlock, 0, round_all,
         device_.upload(std::span<const Copy>(list)));
}

void CudaBackend::compute(const verb::Linear& op) {
  const Tensor product = op.act ? op.kept : op.y;
  const void* bias = bias_of(device_, op.b, op.y.dtype);
  const Operand left = operand(op.x), right = matrix_operand(op.w, true);
  // Where the library has no epilogue for so odd a shape, the bias goes in before: the same sum, rounded once.
  const int64_t count = op.x.dim[0] * op.w.rows;
  const bool before = bias != nullptr && count > 0 && !products_.take_bias(product, left, right, bias);
  if (before) {
    with_type(product.dtype, [&](auto kind) {
      using T = decltype(kind);
      launch(device_, "fill_rows", dim3(blocks_for(count, kBlock)), kBlock, 0, fill_rows<T>, data_of<T>(product),
             static_cast<const T*>(bias), count, op.w.rows, product.dim[1]);
    });
    bias = nullptr;
  }
  products_.multiply(product, left, right, bias, before);
  if (!op.act) return;
  if (!op.gated())
    launch_activate(device_, op.y, {}, op.kept, *op.act);
  else
    launch_gate(device_, op.y, {}, {}, op.kept, *op.act);
}

void CudaBackend::compute(const verb::LinearBackward& op) {
  const int64_t out = op.w.rows;
  products_.add_beside(op.d_w, columns_operand(op.d_y, out, true), operand(op.x));
  if (op.d_x)
    products_.multiply(op.d_x, columns_operand(op.d_y, out), matrix_operand(op.w), nullptr, op.into == Into::add);
  if (op.d_b) add_column_sums(op.d_b, op.d_y);
}

void CudaBackend::compute(const verb::ActivationBackward& op) { launch_activate(device_, {}, op.d_y, op.kept, op.act); }

void CudaBackend::compute(const verb::ActivationLinearBackward& op) {
  if (!op.gated()) {
    products_.multiply(op.d_kept, operand(op.d_y), matrix_operand(op.w), nullptr, false);
    launch_activate(device_, op.activated, op.d_kept, op.kept, op.act);
  } else {
    const Tensor d_gated(device_.scratch(op.activated.bytes()), op.activated.dtype,
                         {op.activated.dim[0], op.activated.dim[1]});
    products_.multiply(d_gated, operand(op.d_y), matrix_operand(op.w), nullptr, false);
    launch_gate(device_, op.activated, op.d_kept, d_gated, op.kept, op.act);
  }
  products_.add_beside(op.d_w, operand(op.d_y, true), operand(op.activated));
  if (op.d_b) add_column_sums(op.d_b, op.d_y);
}

}  // namespace tekio::cuda
