// Ops on rows and flat pieces: gathering and scattering, zeroing, adding, the sum of squares.
#include <algorithm>

#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/kernel.h"

namespace tekio::cuda {
namespace {

constexpr int kBlock = 256, kWarps = kBlock / kWarp;

// A warp a row. Gathers y[r] = x[rows[r]], or scatters x[rows[r]] = y[r], or adds there.
enum class Move { gather, scatter, add };
template <typename T>
__global__ void move_rows(T* to, const T* from, const int32_t* rows, int count, int width, bool whole, Move move) {
  const int r = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / kWarp;
  if (r >= count) return;
  const int64_t apart = static_cast<int64_t>(rows[r]) * width, together = static_cast<int64_t>(r) * width;
  const T* const source = from + (move == Move::gather ? apart : together);
  T* const target = to + (move == Move::gather ? together : apart);
  for (int c = static_cast<int>(threadIdx.x) % kWarp * kEight; c < width; c += kWarp * kEight) {
    const int columns = min(kEight, width - c);
    float number[kEight], there[kEight] = {};
    load_eight(number, source + c, columns, whole);
    if (move == Move::add) load_eight(there, target + c, columns, whole);
    for (int j = 0; j < kEight; ++j) number[j] += there[j];
    store_eight(target + c, number, columns, whole);
  }
}

// y += x, eight numbers a thread.
__global__ void add_numbers(float* y, const float* x, int64_t count) {
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) * kBlock + threadIdx.x) * kEight;
  if (begin >= count) return;
  const int here = static_cast<int>(min(int64_t{kEight}, count - begin));
  const bool whole = here == kEight;
  float sum[kEight], more[kEight];
  load_eight(sum, y + begin, here, whole);
  load_eight(more, x + begin, here, whole);
  for (int j = 0; j < kEight; ++j) sum[j] += more[j];
  store_eight(y + begin, sum, here, whole);
}

// sums[block]: of the squares of kNormBlock numbers, in double.
__global__ void sum_squares(double* sums, const float* x, int64_t count) {
  double* const of_threads = shared_memory<double>();  // [kBlock]
  double sum = 0;
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kNormBlock, end = min(begin + kNormBlock, count);
  for (int64_t i = begin + threadIdx.x; i < end; i += kBlock) {
    const auto value = static_cast<double>(x[i]);
    sum += value * value;
  }
  of_threads[threadIdx.x] = sum;
  for (int half = kBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half) of_threads[threadIdx.x] += of_threads[threadIdx.x + half];
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = of_threads[0];
}

template <typename T>
void launch_move(Device& device, T* to, const T* from, const int32_t* rows, int64_t count, int64_t width, Move move) {
  launch(device, "move_rows", dim3(blocks_for(count, kWarps)), kBlock, 0, move_rows<T>, to, from, rows,
         static_cast<int>(count), static_cast<int>(width), whole_eights(width), move);
}

}  // namespace

cudaError_t find_a_kernel() {
  cudaFuncAttributes attributes{};
  return cudaFuncGetAttributes(&attributes, move_rows<float>);
}

void CudaBackend::compute(const verb::GatherRows& op) {
  const int32_t* const on_device = device_.upload(op.rows);
  with_type(op.x.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch_move<T>(device_, data_of<T>(op.y), data_of<T>(op.x), on_device, op.y.dim[0], op.y.dim[1], Move::gather);
  });
}

void CudaBackend::compute(const verb::GatherRowsBackward& op) {
  if (op.into == Into::overwrite) device_.zero(op.d_x.data, op.d_x.bytes());
  const int32_t* const on_device = device_.upload(op.rows);
  with_type(op.d_x.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch_move<T>(device_, data_of<T>(op.d_x), data_of<T>(op.d_y), on_device, op.d_y.dim[0], op.d_y.dim[1],
                   op.into == Into::add ? Move::add : Move::scatter);
  });
}

void CudaBackend::compute(const verb::Zero& op) { device_.zero(op.x.data, op.x.bytes()); }

void CudaBackend::compute(const verb::Add& op) {
  const int64_t count = op.y.numel();
  launch(device_, "add", dim3(blocks_for(count, kBlock * kEight)), kBlock, 0, add_numbers, op.y.f32(), op.x.f32(),
         count);
}

void CudaBackend::compute(const verb::SquaredNorms& op) {
  launch(device_, "sum_squares", dim3(static_cast<unsigned>(op.sums.numel())), kBlock, kBlock * sizeof(double),
         sum_squares, op.sums.f64(), op.x.f32(), op.x.numel());
}

}  // namespace tekio::cuda
