#include "dist/nccl/kernels.h"

#include <bit>

#include "compute/cuda/kernel.h"

namespace tekio::nccl {
namespace {

using cuda::blocks_for;
using cuda::launch;

constexpr int kBlock = 256, kEach = 4;  // numbers that a thread has
constexpr int kLevels = 12;             // of the tree: fewer than 4,096 givers

/// A denormal number counts as 0, of its sign.
__device__ inline float flushed(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return (bits & 0x7F800000u) == 0 ? std::bit_cast<float>(bits & 0x80000000u) : x;
}
__device__ inline float add(float a, float b) { return flushed(flushed(a) + flushed(b)); }

template <typename T>
__device__ inline float rounded_to(float x) {
  return cuda::wide(cuda::narrow<T>(x));
}

/// As a binary counter goes on by one: what comes meets the sums of as many givers, and waits for the next.
template <typename T>
__global__ void add_in_tree_kernel(const T* given, int64_t stride, int givers, int own, int64_t count, float* sum,
                                   bf16* rounded) {
  for (int j = 0; j < kEach; ++j) {
    const int64_t i = (static_cast<int64_t>(blockIdx.x) * kEach + j) * kBlock + threadIdx.x;
    if (i >= count) return;
    float waiting[kLevels] = {};
    for (int giver = 0; giver < givers; ++giver) {
      float x = giver == own ? rounded_to<T>(sum[i]) : cuda::wide(given[giver * stride + i]);
      int level = 0;
      for (; (giver >> level & 1) != 0; ++level) x = add(waiting[level], x);
      waiting[level] = x;
    }
    int level = 0;
    while ((givers >> level & 1) == 0) ++level;
    float all = waiting[level];  // what has no neighbour is passed on as it is
    for (++level; givers >> level != 0; ++level)
      if ((givers >> level & 1) != 0) all = add(waiting[level], all);
    sum[i] = rounded_to<T>(all);
    if (rounded != nullptr) rounded[i] = cuda::narrow<bf16>(all);
  }
}

template <typename From, typename To>
__global__ void convert_kernel(const From* from, int64_t count, To* to) {
  for (int j = 0; j < kEach; ++j) {
    const int64_t i = (static_cast<int64_t>(blockIdx.x) * kEach + j) * kBlock + threadIdx.x;
    if (i < count) to[i] = cuda::narrow<To>(cuda::wide(from[i]));
  }
}

}  // namespace

void add_in_tree(cudaStream_t stream, const GivenNumbers& given, int64_t count, float* sum, bf16* rounded) {
  TEKIO_CHECK(given.givers >= 1 && given.givers < 1 << kLevels, "{} givers", given.givers);
  cuda::with_type(given.type == Wire::f32 ? DType::f32 : DType::bf16, [&](auto type) {
    using T = decltype(type);
    launch(stream, "a sum over ranks", dim3(blocks_for(count, kBlock * kEach)), kBlock, 0, add_in_tree_kernel<T>,
           static_cast<const T*>(given.given), given.stride, given.givers, given.own, count, sum, rounded);
  });
}

void narrow(cudaStream_t stream, const float* from, int64_t count, bf16* to) {
  launch(stream, "rounding for the wire", dim3(blocks_for(count, kBlock * kEach)), kBlock, 0,
         convert_kernel<float, bf16>, from, count, to);
}

void widen(cudaStream_t stream, const bf16* from, int64_t count, float* to) {
  launch(stream, "what came by the wire", dim3(blocks_for(count, kBlock * kEach)), kBlock, 0,
         convert_kernel<bf16, float>, from, count, to);
}

}  // namespace tekio::nccl
