// --device: which back end does the work.
#include "base/error.h"
#include "compute/backend.h"
#include "compute/cuda.h"

namespace tekio {

std::unique_ptr<Backend> make_backend(const std::string& device, ThreadPool& pool) {
  if (device == "ref") return make_ref_backend();
  if (device == "cpu") return make_cpu_backend(pool);
  if (device == "cuda") return make_cuda_backend();
  // Not yet a GPU where there is one: scripts/checks/check_gpu.py has not passed on any so far.
  if (device == "auto") return make_cpu_backend(pool);
  const std::string meant = nearest(device, {"auto", "cpu", "cuda", "ref"});
  fail(ErrorKind::usage, "--device is \"{}\", expected auto, cpu, cuda or ref{}", printable(device),
       meant.empty() ? "" : ": did you mean " + meant + "?");
}

}  // namespace tekio
