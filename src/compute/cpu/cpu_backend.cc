// The back end's housekeeping: its scratch memory and its making.
#include "compute/cpu/cpu_backend.h"

#include "base/error.h"
#include "compute/cpu/cpu_features.h"

namespace tekio {

CpuBackend::CpuBackend(ThreadPool& pool, kernels::Instructions bf16)
    : pool_(pool), products_(bf16), packed_(bf16), scratch_(static_cast<size_t>(pool.threads())) {
  limit_cpu_features();
}

std::vector<std::string> CpuBackend::bf16_kernels() const {
  std::vector<std::string> names;
  for (const kernels::Instructions by : kernels::all_instructions()) names.emplace_back(kernels::name_of(by));
  return names;
}

void CpuBackend::use_bf16_kernel(const std::string& name) {
  for (const kernels::Instructions by : kernels::all_instructions())
    if (name == kernels::name_of(by)) {
      products_ = Products(by);
      packed_ = PackedMatrices(by);
      return;
    }
  TEKIO_CHECK(false, "this processor has no bf16 kernel {}", name);
}

void CpuBackend::Buffer::grow(int64_t wanted) {
  if (wanted <= floats) return;
  arena = Arena(wanted * size_of(DType::f32), "scratch");
  floats = wanted;
}

void CpuBackend::reserve(int64_t each, int64_t shared) {
  for (Buffer& buffer : scratch_) buffer.grow(each);
  shared_.grow(shared);
}

std::unique_ptr<Backend> make_cpu_backend(ThreadPool& pool) { return std::make_unique<CpuBackend>(pool); }

}  // namespace tekio
