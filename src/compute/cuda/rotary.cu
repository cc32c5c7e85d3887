// Rotary positions: a warp a row, a lane every 32nd pair of numbers. Formulas: ref/rotary.cc.
#include "compute/rotary.h"

#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/kernel.h"

namespace tekio::cuda {
namespace {

constexpr int kBlock = 256, kWarps = kBlock / kWarp;

// `table`: of each position `size` / 2 cosines and as many sines; `sign`: of the sines.
template <typename T>
__global__ void rotate_rows(T* x, const float* table, int rows, int width, int columns, int size, float sign,
                            KernelSequences s) {
  const int row = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / kWarp;
  if (row >= rows) return;
  const int token = s.token(row), half = size / 2;
  const float* const angles = table + static_cast<int64_t>(token - s.offsets[s.sequence_of(token)]) * size;
  T* const from = x + static_cast<int64_t>(row) * width;
  for (int i = static_cast<int>(threadIdx.x) % kWarp; i < columns / 2; i += kWarp) {
    const int j = i % half;
    T* const at = from + i / half * size + j;
    const float a = wide(at[0]), b = wide(at[half]), cosine = angles[j], sine = angles[half + j] * sign;
    at[0] = narrow<T>(a * cosine - b * sine);
    at[half] = narrow<T>(b * cosine + a * sine);
  }
}

}  // namespace

// On the device, and as long as the longest sequence so far.
const float* CudaBackend::rotary_rows(const Rotation& rotation, int64_t positions) {
  const RotaryTable& table = rotary_table(rotary_tables_, rotation, positions);
  const auto i = static_cast<size_t>(&table - rotary_tables_.data());
  rotary_on_device_.resize(rotary_tables_.size());
  DeviceBuffer& there = rotary_on_device_[i];
  const auto bytes = static_cast<int64_t>(table.rows().size_bytes());
  if (there.bytes() < bytes) {
    device_.wait();  // for kernels that read the old one
    there = DeviceBuffer(bytes, "the angles of rotary positions");
    device_.write(there.data(), table.rows().data(), bytes);
  }
  return static_cast<const float*>(there.data());
}

void CudaBackend::compute(const verb::Rotate& op) {
  const int64_t rows = op.x.dim[0];
  const float* const table = rotary_rows(op.rotation, longest(op.s));
  const KernelSequences sequences(device_, op.s);
  with_type(op.x.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch(device_, "rotate", dim3(blocks_for(rows, kWarps)), kBlock, 0, rotate_rows<T>, data_of<T>(op.x), table,
           static_cast<int>(rows), static_cast<int>(op.x.dim[1]), static_cast<int>(op.columns),
           static_cast<int>(op.rotation.size), op.rotation.back ? -1.0f : 1.0f, sequences);
  });
}

}  // namespace tekio::cuda
