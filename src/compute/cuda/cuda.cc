// The door, in a build that has CUDA: see compute/cuda.h.
#include "compute/cuda.h"

#include "compute/cuda/cuda_backend.h"

namespace tekio {

std::string cuda_problem() {
  try {
    const cuda::Device device;
    cuda::cublas_lt();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::unique_ptr<Backend> make_cuda_backend() { return std::make_unique<cuda::CudaBackend>(); }

}  // namespace tekio
