#include "compute/cuda/columns.h"

#include <algorithm>

#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/kernel.h"

namespace tekio::cuda {
namespace {

constexpr int kBlock = 256, kWarps = kBlock / kWarp, kColumns = kWarp * kEight;  // a lane sums eight columns

// A block takes kWarp columns; its warps take parts in turns, and their sums are added in order.
__global__ void partial_sums(float* sums, float* more, const float* partial, int parts, int width, int total) {
  float* const of_warps = shared_memory<float>();  // [kWarps][kWarp]
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const int c = static_cast<int>(blockIdx.x) * kWarp + lane;
  float sum = 0;
  if (c < total)
#pragma unroll 8
    for (int i = warp; i < parts; i += kWarps) sum += partial[static_cast<int64_t>(i) * total + c];
  of_warps[warp * kWarp + lane] = sum;
  __syncthreads();
  if (warp > 0 || c >= total) return;
  float all = 0;
  for (int w = 0; w < kWarps; ++w) all += of_warps[w * kWarp + lane];
  (c < width ? sums[c] : more[c - width]) += all;
}

// partial[blockIdx.y][width]: sums over the block's `rows` rows of x, `stride` apart; blockIdx.x takes kColumns
// columns.
template <typename T>
__global__ void column_sums(float* partial, const T* x, int64_t n, int64_t rows, int width, int64_t stride,
                            bool whole) {
  float* const of_warps = shared_memory<float>();  // [kWarps][kColumns]
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const int column = static_cast<int>(blockIdx.x) * kColumns + lane * kEight, count = min(kEight, width - column);
  const int64_t begin = blockIdx.y * rows, end = min(n, begin + rows);
  float sum[kEight] = {};
  if (count > 0)
    for (int64_t row = begin + warp; row < end; row += kWarps) {
      float number[kEight];
      load_eight(number, x + row * stride + column, count, whole);
      for (int j = 0; j < kEight; ++j) sum[j] += number[j];
    }
  for (int j = 0; j < kEight; ++j) of_warps[warp * kColumns + lane * kEight + j] = sum[j];
  __syncthreads();
  const int own = static_cast<int>(threadIdx.x), c = static_cast<int>(blockIdx.x) * kColumns + own;
  if (c >= width) return;
  float all = 0;
  for (int w = 0; w < kWarps; ++w) all += of_warps[w * kColumns + own];
  partial[static_cast<int64_t>(blockIdx.y) * width + c] = all;
}

}  // namespace

void add_partial_sums(Device& device, float* sums, float* more, const float* partial, int64_t parts, int64_t width) {
  const int64_t total = more != nullptr ? 2 * width : width;
  launch(device, "partial_sums", dim3(blocks_for(total, kWarp)), kBlock, kBlock * size_of(DType::f32), partial_sums,
         sums, more, partial, static_cast<int>(parts), static_cast<int>(width), static_cast<int>(total));
}

void CudaBackend::add_column_sums(Tensor sums, ConstTensor x) {
  const int64_t n = x.dim[0], width = sums.dim[0], stride = x.dim[1];
  if (n == 0 || width == 0) return;
  const int64_t across = (width + kColumns - 1) / kColumns;
  // As many parts of the rows as keep a device busy, of at least a few rows for each warp.
  const int64_t wanted = std::max<int64_t>(1, kMostParts / across);
  const int64_t rows = std::max<int64_t>(4 * kWarps, (n + wanted - 1) / wanted), parts = (n + rows - 1) / rows;
  auto* const partial = static_cast<float*>(device_.scratch(parts * width * size_of(DType::f32)));
  with_type(x.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch(device_, "column_sums", dim3(static_cast<unsigned>(across), static_cast<unsigned>(parts)), kBlock,
           kWarps * kColumns * size_of(DType::f32), column_sums<T>, partial, data_of<T>(x), n, rows,
           static_cast<int>(width), stride, whole_eights(stride));
  });
  add_partial_sums(device_, sums.f32(), nullptr, partial, parts, width);
}

}  // namespace tekio::cuda
