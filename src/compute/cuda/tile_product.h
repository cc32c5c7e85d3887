// Products of tiles in shared memory by one warp: in bf16 on the tensor cores (mma.sync, 16 x 8 x 16), in float32 by
// plain multiply-adds into the same registers. Results lie as that instruction leaves them: of 16 rows and 8 columns,
// lane l has rows l/4 and l/4 + 8, columns 2 (l%4) and the next.
#pragma once

#include "compute/cuda/kernel.h"

namespace tekio::cuda {

/// Where a lane's number i of a 16 x 8 tile stands.
struct TileCell {
  int row, column;
};
__device__ inline TileCell tile_cell(int i) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  return {lane / 4 + (i >= 2 ? 8 : 0), 2 * (lane % 4) + i % 2};
}

__device__ inline void multiply_add_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#ifdef TEKIO_CUDA_EMULATED
  emulated_mma_16x8x16(d, a, b);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

/// The numbers at `first` and `step` further on, side by side as the tensor cores take them.
__device__ inline uint32_t pair_of(const bf16* first, int step) {
  if (step == 1) return *reinterpret_cast<const uint32_t*>(first);
  return first[0].bits | static_cast<uint32_t>(first[step].bits) << 16;
}

/// sum[16,kN] += A[16,kK] B[kK,kN], where A(m,k) = a[m a_stride + k], or a[k a_stride + m] if kTransposedA, and
/// B(k,n) = b[k b_stride + n], or b[n b_stride + k] if kTransposedB. Strides are even.
template <bool kTransposedA, bool kTransposedB, int kN, int kK, typename T>
__device__ inline void multiply_tiles(float (&sum)[kN / 8][4], const T* a, int a_stride, const T* b, int b_stride) {
  const int a_row = kTransposedA ? 1 : a_stride, a_depth = kTransposedA ? a_stride : 1;
  const int b_column = kTransposedB ? b_stride : 1, b_depth = kTransposedB ? 1 : b_stride;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  if constexpr (std::is_same_v<T, bf16>) {
#pragma unroll
    for (int k0 = 0; k0 < kK; k0 += 16) {
      uint32_t left[4];
#pragma unroll
      for (int i = 0; i < 4; ++i)  // rows l/4 and + 8, then the same eight further in depth
        left[i] = pair_of(a + (lane / 4 + i % 2 * 8) * a_row + (k0 + 2 * (lane % 4) + i / 2 * 8) * a_depth, a_depth);
#pragma unroll
      for (int t = 0; t < kN / 8; ++t) {
        uint32_t right[2];
#pragma unroll
        for (int i = 0; i < 2; ++i)
          right[i] = pair_of(b + (8 * t + lane / 4) * b_column + (k0 + 2 * (lane % 4) + i * 8) * b_depth, b_depth);
        multiply_add_16x8x16(sum[t], left, right);
      }
    }
  } else {
    for (int t = 0; t < kN / 8; ++t)
      for (int i = 0; i < 4; ++i) {
        const TileCell cell = tile_cell(i);
        const T* const row = a + cell.row * a_row;
        const T* const column = b + (8 * t + cell.column) * b_column;
        float products = 0;
#pragma unroll 4
        for (int k = 0; k < kK; ++k) products += row[k * a_depth] * column[k * b_depth];
        sum[t][i] += products;
      }
  }
}

}  // namespace tekio::cuda
