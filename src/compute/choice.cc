// --device: which back end does the work, and on which GPU.
#include <charconv>

#include "base/error.h"
#include "compute/backend.h"
#include "compute/cuda.h"

namespace tekio {

std::optional<int> gpu_number(const std::string& device) {
  if (device == "cuda") return 0;
  if (!device.starts_with("cuda:")) return std::nullopt;
  int number = 0;
  const char* const end = device.data() + device.size();
  const auto [stopped, error] = std::from_chars(device.data() + 5, end, number);
  if (error != std::errc() || stopped != end || number < 0) return std::nullopt;
  return number;
}

std::unique_ptr<Backend> make_backend(const std::string& device, ThreadPool& pool) {
  if (device == "ref") return make_ref_backend();
  if (device == "cpu") return make_cpu_backend(pool);
  if (const std::optional<int> gpu = gpu_number(device)) return make_cuda_backend(*gpu);
  // Not yet a GPU where there is one: scripts/checks/check_gpu.py has not passed on any so far.
  if (device == "auto") return make_cpu_backend(pool);
  const std::string meant = nearest(device, {"auto", "cpu", "cuda", "ref"});
  fail(ErrorKind::usage, "--device is \"{}\", expected auto, cpu, cuda, cuda:N (a GPU's number) or ref{}",
       printable(device), meant.empty() ? "" : ": did you mean " + meant + "?");
}

}  // namespace tekio
