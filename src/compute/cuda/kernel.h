// What kernels share: launching them, elements of either dtype, eight columns at a time (the unit in which dropout is
// drawn), sums over a warp, and where a row stands among the packed sequences.
#pragma once

#include <cuda_runtime.h>

#include <tuple>

#include "compute/backend.h"
#include "compute/bf16.h"
#include "compute/cuda/device.h"
#include "compute/dropout.h"
#include "compute/tensor.h"

namespace tekio::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xFFFFFFFFu;

/// Gives the stream kernel(arguments...) with `block` threads in each of `grid` blocks. An empty grid does nothing.
/// `shared` is dynamic shared memory in bytes. The stream's device must be the calling thread's.
template <typename... Parameters, typename... Arguments>
void launch(cudaStream_t stream, const char* name, dim3 grid, int block, int64_t shared, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  constexpr int64_t kWithoutAsking = 48 << 10;
  if (shared > kWithoutAsking)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)), name);
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(block));
  config.dynamicSmemBytes = static_cast<size_t>(shared);
  config.stream = stream;
  const cudaError_t error = cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
  if (error != cudaSuccess)
    check(error, fmt::format("{} with {} x {} x {} blocks of {} threads and {} bytes of shared memory", name, grid.x,
                             grid.y, grid.z, block, shared));
}

/// Queues the same for the device's own stream.
template <typename... Parameters, typename... Arguments>
void launch(Device& device, const char* name, dim3 grid, int block, int64_t shared, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  const std::tuple<Parameters...> all(static_cast<Parameters>(arguments)...);
  const auto work = [=](cudaStream_t stream) {
    std::apply([&](const Parameters&... each) { launch(stream, name, grid, block, shared, kernel, each...); }, all);
  };
  std::apply(
      [&](const Parameters&... each) { device.queue(work, kernel, grid.x, grid.y, grid.z, block, shared, each...); },
      all);
}

inline unsigned blocks_for(int64_t count, int64_t each) { return static_cast<unsigned>((count + each - 1) / each); }

/// Calls body(float()) or body(bf16()), by the tensor's kind.
template <typename Body>
void with_type(DType type, const Body& body) {
  if (type == DType::f32)
    body(float());
  else
    body(bf16());
}
template <typename T, typename Void>
auto* data_of(const BasicTensor<Void>& tensor) {
  if constexpr (std::is_same_v<T, float>)
    return tensor ? tensor.f32() : nullptr;
  else
    return tensor ? tensor.b16() : nullptr;
}

__device__ inline float wide(float x) { return x; }
__device__ inline float wide(bf16 x) { return x; }
template <typename T>
__device__ inline T narrow(float x) {
#ifdef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, bf16>) {
    bf16 rounded;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded.bits) : "f"(x));
    return rounded;
  }
#endif
  return T(x);
}

/// The block's dynamic shared memory, on a 16-byte border.
template <typename T>
__device__ inline T* shared_memory() {
#ifdef TEKIO_CUDA_EMULATED
  return reinterpret_cast<T*>(emulated_shared_memory());
#else
  extern __shared__ __align__(16) unsigned char memory[];
  return reinterpret_cast<T*>(memory);
#endif
}

// ---- eight columns ----

constexpr int kEight = 8;

/// 16 or 32 bytes at once, where whole eights lie on such borders.
template <typename T>
struct alignas(16) Eight {
  T number[kEight];
};

/// Where the emulation can tell: sixteen bytes at once must lie on such a border.
__device__ inline void check_border([[maybe_unused]] const void* address) {
#ifdef TEKIO_CUDA_EMULATED
  emulated_check_border(address, 16);
#endif
}

/// `count` (at most 8) numbers from `from` on; 0 beyond. `whole`: rows begin on borders of eight.
template <typename T>
__device__ inline void load_eight(float (&to)[kEight], const T* from, int count, bool whole) {
  if (whole) {
    check_border(from);
    const Eight<T> eight = *reinterpret_cast<const Eight<T>*>(from);
    for (int j = 0; j < kEight; ++j) to[j] = wide(eight.number[j]);
  } else {
    for (int j = 0; j < kEight; ++j) to[j] = j < count ? wide(from[j]) : 0.0f;
  }
}
template <typename T>
__device__ inline void store_eight(T* to, const float (&from)[kEight], int count, bool whole) {
  if (whole) {
    check_border(to);
    Eight<T> eight;
    for (int j = 0; j < kEight; ++j) eight.number[j] = narrow<T>(from[j]);
    *reinterpret_cast<Eight<T>*>(to) = eight;
  } else {
    for (int j = 0; j < kEight; ++j)
      if (j < count) to[j] = narrow<T>(from[j]);
  }
}
/// Whether rows of this width begin on borders of eight; tensors themselves begin on 64-byte borders or on rows.
inline bool whole_eights(int64_t width) { return width % kEight == 0; }

// ---- sums ----

__device__ inline float warp_sum(float x) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(kAllLanes, x, distance);
  return x;
}

// ---- dropout ----

/// What dropout is drawn by in one step, and not in the next.
struct DrawnBy {
  RandomKey key;
  uint64_t first_key;  // of the sequences: that of number 0
};

/// Dropout as kernels take it.
struct KernelDropout {
  static constexpr bool kNoPadding = true;
  const DrawnBy* drawn_by;   // on the device, where dropout is on
  const uint8_t* decisions;  // likewise; or nullptr: drawn
  uint32_t site, threshold;  // as kept_bits() has them
  float scale;
  int on;

  /// `count`: how many explicit decisions there are.
  KernelDropout(Device& device, const Dropout& drop, uint64_t first_key, int64_t count)
      : drawn_by(drop.on() ? device.upload_one(DrawnBy{random_key(drop.seed, drop.step), first_key}) : nullptr),
        decisions(drop.on() && drop.kept != nullptr
                      ? device.upload(std::span<const uint8_t>(drop.kept, static_cast<size_t>(count)))
                      : nullptr),
        site(dropout_site(drop)),
        threshold(dropout_threshold(drop)),
        scale(drop.on() ? drop.scale() : 1.0f),
        on(drop.on() ? 1 : 0) {}

  /// What the eight columns from 8 * block on are multiplied by: bit j for column 8 * block + j. The row's sequence is
  /// counted within the batch. `decision`: where the first of them stands among the explicit decisions; `count` (at
  /// most 8) columns are there.
  __device__ uint32_t bits(DropoutRow row, uint32_t block, int64_t decision, int count) const {
    if (decisions == nullptr) {
      row.sequence += drawn_by->first_key;
      return kept_bits(drawn_by->key, threshold, site, row, block);
    }
    uint32_t kept = 0;
    for (int j = 0; j < count; ++j) kept |= static_cast<uint32_t>(decisions[decision + j] != 0) << j;
    return kept;
  }
  __device__ float factor(uint32_t kept, int j) const { return (kept >> j & 1) != 0 ? scale : 0.0f; }
};
static_assert(sizeof(KernelDropout) == 32 && sizeof(DrawnBy) == 16);

// ---- rows of packed sequences ----

/// Sequences as kernels take them.
struct KernelSequences {
  static constexpr bool kNoPadding = true;
  const int32_t* offsets;  // on the device, [count + 1]
  const int32_t* some;     // on the device; or nullptr: all tokens
  int64_t count;

  KernelSequences(Device& device, const Sequences& s)
      : offsets(device.upload(s.offsets)), some(s.some.empty() ? nullptr : device.upload(s.some)), count(s.count()) {}
  /// No sequences: rows of their own, without dropout.
  KernelSequences() : offsets(nullptr), some(nullptr), count(0) {}

  __device__ int token(int row) const { return some != nullptr ? some[row] : row; }
  /// The sequence that a token stands in. Empty sequences have none.
  __device__ int sequence_of(int token) const {
    int low = 0, high = static_cast<int>(count);  // offsets[low] <= token < offsets[high]
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (offsets[middle] <= token)
        low = middle;
      else
        high = middle;
    }
    return low;
  }
  __device__ DropoutRow dropout_row(int token) const {
    if (offsets == nullptr) return {};
    const int k = sequence_of(token);
    return {static_cast<uint64_t>(k), 0, static_cast<uint32_t>(token - offsets[k])};
  }
};

}  // namespace tekio::cuda
