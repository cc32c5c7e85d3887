// Layer norm with its neighbours: one warp a row, the row held in registers, one pass over memory. See ref/norm.cc for
// the formulas.
#include "compute/cuda/columns.h"
#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/kernel.h"

namespace tekio::cuda {
namespace {

constexpr int kBlock = 128, kWarps = kBlock / kWarp;
constexpr int kMostEights = 16;  // a lane's, of a row: rows of up to 4,096

/// Calls body(integral constant) with how many eights a lane holds of a row.
template <typename Body>
void with_eights(const char* op, int64_t width, const Body& body) {
  const int64_t eights = (width + kWarp * kEight - 1) / (kWarp * kEight);
  if (eights > kMostEights)
    fail(ErrorKind::device, "{}: rows of {} numbers, but the GPU's norms take at most {}: use --device cpu", op, width,
         kMostEights * kWarp * kEight);
  if (eights <= 1) return body(std::integral_constant<int, 1>());
  if (eights <= 2) return body(std::integral_constant<int, 2>());
  if (eights <= 3) return body(std::integral_constant<int, 3>());
  if (eights <= 4) return body(std::integral_constant<int, 4>());
  if (eights <= 8) return body(std::integral_constant<int, 8>());
  return body(std::integral_constant<int, kMostEights>());
}

/// A lane's part of a row: its eights are kWarp apart, so that a warp reads side by side.
struct Columns {
  int width, whole;
  __device__ int begin(int eight) const { return (eight * kWarp + static_cast<int>(threadIdx.x) % kWarp) * kEight; }
  __device__ int count(int eight) const { return min(kEight, width - begin(eight)); }
};

template <typename T, int kEights>
__global__ void norm_kernel(T* total, T* y, T* normalized, float* rstds, const T* x, const T* branch,
                            const float* weight, const float* bias, float eps, int rows, Columns columns,
                            KernelSequences s, KernelDropout drop) {
  const int row = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / kWarp;
  if (row >= rows) return;
  const int64_t start = static_cast<int64_t>(row) * columns.width;
  const int token = s.token(row);
  const DropoutRow place = drop.on ? s.dropout_row(token) : DropoutRow{};
  const auto kept_of = [&](int begin, int count) {
    return drop.bits(place, static_cast<uint32_t>(begin / kEight), static_cast<int64_t>(token) * columns.width + begin,
                     count);
  };
  float u[kEights][kEight];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kEights; ++i) {
    const int begin = columns.begin(i), count = columns.count(i);
    for (int j = 0; j < kEight; ++j) u[i][j] = 0;
    if (count <= 0) continue;
    load_eight(u[i], x + start + begin, count, columns.whole != 0);
    if (branch != nullptr) {
      float added[kEight];
      load_eight(added, branch + start + begin, count, columns.whole != 0);
      const uint32_t kept = drop.on ? kept_of(begin, count) : 0xFF;
      for (int j = 0; j < kEight; ++j) u[i][j] += added[j] * drop.factor(kept, j);
    }
    if (total != nullptr) store_eight(total + start + begin, u[i], count, columns.whole != 0);
    for (int j = 0; j < kEight; ++j) sum += u[i][j];
  }
  const float mean = warp_sum(sum) / static_cast<float>(columns.width);
  float squares = 0;
#pragma unroll
  for (int i = 0; i < kEights; ++i)
    for (int j = 0; j < kEight; ++j) {
      u[i][j] -= mean;
      if (j < columns.count(i)) squares += u[i][j] * u[i][j];
    }
  const float rstd = 1 / sqrtf(warp_sum(squares) / static_cast<float>(columns.width) + eps);
  if (threadIdx.x % kWarp == 0) rstds[row] = rstd;
#pragma unroll
  for (int i = 0; i < kEights; ++i) {
    const int begin = columns.begin(i), count = columns.count(i);
    if (count <= 0) continue;
    float w[kEight], b[kEight] = {};
    load_eight(w, weight + begin, count, columns.whole != 0);
    if (bias != nullptr) load_eight(b, bias + begin, count, columns.whole != 0);
    const uint32_t kept = drop.on && branch == nullptr ? kept_of(begin, count) : 0xFF;
    for (int j = 0; j < kEight; ++j) {
      u[i][j] *= rstd;
      b[j] += u[i][j] * w[j];
      if (drop.on && branch == nullptr) b[j] *= drop.factor(kept, j);
    }
    store_eight(normalized + start + begin, u[i], count, columns.whole != 0);
    store_eight(y + start + begin, b, count, columns.whole != 0);
  }
}

// partial[block][total]: the block's sums for d_weight and, where `total` is twice the width, d_bias.
template <typename T, int kEights>
__global__ void norm_backward_kernel(T* d_x, T* d_branch, float* partial, const T* d_y, const T* normalized,
                                     const float* rstds, const float* weight, bool add, int total, int rows,
                                     Columns columns, KernelSequences s, KernelDropout drop) {
  float* const sums = shared_memory<float>();  // [2][width]
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  float d_weight[kEights][kEight] = {}, d_bias[kEights][kEight] = {};
  for (int row = static_cast<int>(blockIdx.x) * kWarps + warp; row < rows;
       row += static_cast<int>(gridDim.x) * kWarps) {
    const int64_t start = static_cast<int64_t>(row) * columns.width;
    const int token = s.token(row);
    const DropoutRow place = drop.on ? s.dropout_row(token) : DropoutRow{};
    float g[kEights][kEight], h[kEights][kEight];
    uint32_t kept[kEights];
    float sum_g = 0, sum_gh = 0;
#pragma unroll
    for (int i = 0; i < kEights; ++i) {
      const int begin = columns.begin(i), count = columns.count(i);
      for (int j = 0; j < kEight; ++j) g[i][j] = h[i][j] = 0;
      kept[i] = 0xFF;
      if (count <= 0) continue;
      if (drop.on)
        kept[i] = drop.bits(place, static_cast<uint32_t>(begin / kEight),
                            static_cast<int64_t>(token) * columns.width + begin, count);
      float w[kEight];
      load_eight(g[i], d_y + start + begin, count, columns.whole != 0);
      load_eight(h[i], normalized + start + begin, count, columns.whole != 0);
      load_eight(w, weight + begin, count, columns.whole != 0);
      for (int j = 0; j < kEight; ++j) {
        if (d_branch == nullptr) g[i][j] *= drop.factor(kept[i], j);
        d_weight[i][j] += g[i][j] * h[i][j];
        d_bias[i][j] += g[i][j];
        g[i][j] *= w[j];
        sum_g += g[i][j];
        sum_gh += g[i][j] * h[i][j];
      }
    }
    const float mean_g = warp_sum(sum_g) / static_cast<float>(columns.width);
    const float mean_gh = warp_sum(sum_gh) / static_cast<float>(columns.width);
    const float rstd = rstds[row];
#pragma unroll
    for (int i = 0; i < kEights; ++i) {
      const int begin = columns.begin(i), count = columns.count(i);
      if (count <= 0) continue;
      float before[kEight] = {};
      if (add) load_eight(before, d_x + start + begin, count, columns.whole != 0);
      for (int j = 0; j < kEight; ++j) g[i][j] = before[j] + (g[i][j] - mean_g - h[i][j] * mean_gh) * rstd;
      store_eight(d_x + start + begin, g[i], count, columns.whole != 0);
      if (d_branch == nullptr) continue;
      for (int j = 0; j < kEight; ++j) g[i][j] *= drop.factor(kept[i], j);
      store_eight(d_branch + start + begin, g[i], count, columns.whole != 0);
    }
  }
  for (int w = 0; w < kWarps; ++w) {  // one warp after another, so that the order of additions is always the same
    if (warp == w)
#pragma unroll
      for (int i = 0; i < kEights; ++i)
        for (int j = 0; j < kEight; ++j) {
          const int c = columns.begin(i) + j;
          if (c >= columns.width) continue;
          sums[c] = (w > 0 ? sums[c] : 0) + d_weight[i][j];
          sums[columns.width + c] = (w > 0 ? sums[columns.width + c] : 0) + d_bias[i][j];
        }
    __syncthreads();
  }
  for (int c = static_cast<int>(threadIdx.x); c < total; c += kBlock)
    partial[static_cast<int64_t>(blockIdx.x) * total + c] = sums[c];
}

KernelSequences sequences_of(Device& device, const Sequences* s) {
  return s != nullptr ? KernelSequences(device, *s) : KernelSequences();
}
KernelDropout dropout_of(Device& device, const Dropout& drop, const Sequences* s, int64_t width) {
  return {device, drop, s != nullptr ? s->first_key : 0, s != nullptr ? s->tokens() * width : 0};
}

}  // namespace

void CudaBackend::compute(const verb::Norm& op) {
  const int64_t rows = op.x.dim[0], width = op.x.dim[1];
  const KernelSequences sequences = sequences_of(device_, op.s);
  const KernelDropout dropout = dropout_of(device_, op.drop, op.s, width);
  with_type(op.x.dtype, [&](auto kind) {
    using T = decltype(kind);
    with_eights("norm", width, [&](auto eights) {
      launch(device_, "norm", dim3(blocks_for(rows, kWarps)), kBlock, 0, norm_kernel<T, decltype(eights)::value>,
             data_of<T>(op.sum), data_of<T>(op.y), data_of<T>(op.kept.normalized), op.kept.rstd.f32(), data_of<T>(op.x),
             data_of<T>(op.branch), op.w.weight.f32(), data_of<float>(op.w.bias), op.w.eps, static_cast<int>(rows),
             Columns{static_cast<int>(width), whole_eights(width) ? 1 : 0}, sequences, dropout);
    });
  });
}

void CudaBackend::compute(const verb::NormBackward& op) {
  const int64_t rows = op.d_y.dim[0], width = op.d_y.dim[1];
  if (rows == 0) return;
  const KernelSequences sequences = sequences_of(device_, op.s);
  const KernelDropout dropout = dropout_of(device_, op.drop, op.s, width);
  const auto blocks = std::min<unsigned>(blocks_for(rows, kWarps), unsigned{kMostParts});
  const int64_t total = op.d_w.bias ? 2 * width : width;
  auto* const partial = static_cast<float*>(device_.scratch(blocks * total * size_of(DType::f32)));
  with_type(op.d_y.dtype, [&](auto kind) {
    using T = decltype(kind);
    with_eights("norm_backward", width, [&](auto eights) {
      launch(device_, "norm_backward", dim3(blocks), kBlock, 2 * width * size_of(DType::f32),
             norm_backward_kernel<T, decltype(eights)::value>, data_of<T>(op.d_x), data_of<T>(op.d_branch), partial,
             data_of<T>(op.d_y), data_of<T>(ConstTensor(op.kept.normalized)), op.kept.rstd.f32(), op.w.weight.f32(),
             op.into == Into::add, static_cast<int>(total), static_cast<int>(rows),
             Columns{static_cast<int>(width), whole_eights(width) ? 1 : 0}, sequences, dropout);
    });
  });
  add_partial_sums(device_, op.d_w.weight.f32(), data_of<float>(op.d_w.bias), partial, blocks, width);
}

}  // namespace tekio::cuda
