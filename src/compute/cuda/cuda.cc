// The door, in a build that has CUDA: see compute/cuda.h.
#include "compute/cuda.h"

#include "compute/cuda/cuda_backend.h"

namespace tekio {

bool cuda_is_there() {
  try {
    const cuda::Device device;
    cuda::cublas_lt();
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::unique_ptr<Backend> make_cuda_backend() { return std::make_unique<cuda::CudaBackend>(); }

}  // namespace tekio
