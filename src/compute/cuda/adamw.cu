// AdamW over a flat piece, to the last bit as specified (compute/adamw.h): this file is compiled without contraction of
// products and sums, so that only the written fma's are one.
#include "compute/adamw.h"

#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/kernel.h"

namespace tekio::cuda {
namespace {

constexpr int kBlock = 256;

__global__ void adamw_kernel(float* parameters, float* moment1, float* moment2, const float* gradients, int64_t count,
                             AdamWCoefficients c) {
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) * kBlock + threadIdx.x) * kEight;
  if (begin >= count) return;
  const int here = static_cast<int>(min(int64_t{kEight}, count - begin));
  const bool whole = here == kEight;
  float p[kEight], m[kEight], v[kEight], g[kEight];
  load_eight(p, parameters + begin, here, whole);
  load_eight(m, moment1 + begin, here, whole);
  load_eight(v, moment2 + begin, here, whole);
  load_eight(g, gradients + begin, here, whole);
  for (int j = 0; j < kEight; ++j) adamw_element(p[j], m[j], v[j], g[j], c);
  store_eight(parameters + begin, p, here, whole);
  store_eight(moment1 + begin, m, here, whole);
  store_eight(moment2 + begin, v, here, whole);
}

}  // namespace

void CudaBackend::run(const verb::AdamW& op) {
  const int64_t count = op.parameters.numel();
  launch(device_, "adamw", dim3(blocks_for(count, kBlock * kEight)), kBlock, 0, adamw_kernel, op.parameters.f32(),
         op.moment1.f32(), op.moment2.f32(), op.gradients.f32(), count, AdamWCoefficients(op.step));
}

}  // namespace tekio::cuda
