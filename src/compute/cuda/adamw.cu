// Clipping, and AdamW over a flat piece, to the last bit as specified (compute/adamw.h): this file is compiled without
// contraction of products and sums, so that only the written fma's are one.
#include "compute/adamw.h"

#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/kernel.h"

namespace tekio::cuda {
namespace {

constexpr int kBlock = 256;

// One thread: sums are added in order.
__global__ void clip_kernel(Clipping* clipping, const double* sums, int64_t count, double limit) {
  *clipping = clipping_of(sums, count, limit);
}

__global__ void adamw_kernel(float* parameters, float* moment1, float* moment2, const float* gradients,
                             const Clipping* clipping, int64_t count, const AdamWCoefficients* coefficients) {
  if (!is_taken(*clipping)) return;
  const auto gradient_scale = static_cast<float>(clipping->scale);
  const AdamWCoefficients c = *coefficients;
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) * kBlock + threadIdx.x) * kEight;
  if (begin >= count) return;
  const int here = static_cast<int>(min(int64_t{kEight}, count - begin));
  const bool whole = here == kEight;
  float p[kEight], m[kEight], v[kEight], g[kEight];
  load_eight(p, parameters + begin, here, whole);
  load_eight(m, moment1 + begin, here, whole);
  load_eight(v, moment2 + begin, here, whole);
  load_eight(g, gradients + begin, here, whole);
  for (int j = 0; j < kEight; ++j) adamw_element(p[j], m[j], v[j], g[j], gradient_scale, c);
  store_eight(parameters + begin, p, here, whole);
  store_eight(moment1 + begin, m, here, whole);
  store_eight(moment2 + begin, v, here, whole);
}

}  // namespace

void CudaBackend::compute(const verb::Clip& op) {
  launch(device_, "clip", dim3(1), 1, 0, clip_kernel, reinterpret_cast<Clipping*>(op.clipping.f64()), op.sums.f64(),
         op.sums.numel(), op.limit);
}

void CudaBackend::compute(const verb::AdamW& op) {
  const int64_t count = op.parameters.numel();
  launch(device_, "adamw", dim3(blocks_for(count, kBlock * kEight)), kBlock, 0, adamw_kernel, op.parameters.f32(),
         op.moment1.f32(), op.moment2.f32(), op.gradients.f32(), reinterpret_cast<const Clipping*>(op.clipping.f64()),
         count, device_.upload_one(AdamWCoefficients(op.step)));
}

}  // namespace tekio::cuda
