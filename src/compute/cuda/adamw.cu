// AdamW over a flat piece, to the last bit as specified (compute/adamw.h): this file is compiled without contraction of
// products and sums, so that only the written fma's are one.
#include "compute/adamw.h"

#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/kernel.h"

namespace tekio::cuda {
namespace {

constexpr int kBlock = 256, kEach = 4;

__global__ void adamw_kernel(float* parameters, float* moment1, float* moment2, const float* gradients, int64_t count,
                             AdamWCoefficients c) {
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) * kBlock + threadIdx.x) * kEach;
  for (int64_t i = begin; i < begin + kEach && i < count; ++i)
    adamw_element(parameters[i], moment1[i], moment2[i], gradients[i], c);
}

}  // namespace

void CudaBackend::do_adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                           const AdamWStep& step) {
  const int64_t count = parameters.numel();
  launch(device_, "adamw", dim3(blocks_for(count, kBlock * kEach)), kBlock, 0, adamw_kernel, parameters.f32(),
         moment1.f32(), moment2.f32(), gradients.f32(), count, AdamWCoefficients(step));
}

}  // namespace tekio::cuda
