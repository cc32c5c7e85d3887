// A build without CUDA: says so.
#include "base/error.h"
#include "compute/cuda.h"

namespace tekio {

bool cuda_is_there() { return false; }

std::unique_ptr<Backend> make_cuda_backend() {
  fail(ErrorKind::device, "this build has no CUDA back end: use --device cpu (or auto)");
}

}  // namespace tekio
