// A build without CUDA: says so.
#include "base/error.h"
#include "compute/cuda.h"

namespace tekio {

int cuda_devices() { return 0; }

std::string cuda_problem(int) {
  return message("this build has no CUDA back end: use --device cpu, or build where the CUDA 13 toolkit is");
}

std::unique_ptr<Backend> make_cuda_backend(int number) { fail(ErrorKind::device, "{}", cuda_problem(number)); }

}  // namespace tekio
