// A build without CUDA: says so.
#include "base/error.h"
#include "compute/cuda.h"

namespace tekio {

std::string cuda_problem() {
  return message("this build has no CUDA back end: use --device cpu, or build where the CUDA 13 toolkit is");
}

std::unique_ptr<Backend> make_cuda_backend() { fail(ErrorKind::device, "{}", cuda_problem()); }

}  // namespace tekio
