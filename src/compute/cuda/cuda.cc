// The door, in a build that has CUDA: see compute/cuda.h.
#include "compute/cuda.h"

#include "compute/cuda/cuda_backend.h"

namespace tekio {

int cuda_devices() {
  try {
    return cuda::device_count();
  } catch (const Error&) {
    return 0;
  }
}

std::string cuda_problem(int number) {
  try {
    const cuda::Device device(number);
    cuda::cublas_lt();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::unique_ptr<Backend> make_cuda_backend(int number) { return std::make_unique<cuda::CudaBackend>(number); }

}  // namespace tekio
