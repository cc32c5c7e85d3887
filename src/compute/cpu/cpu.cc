// The back end's housekeeping: its scratch memory and its making.
#include "compute/cpu/cpu.h"

#include <malloc.h>

namespace tekio {

namespace {

/// oneDNN takes some MB for its panels in each call of a product with plain operands, and frees them. By default glibc
/// gives such pieces back to the system at once, and the system clears their pages anew for the next call: a seventh of
/// a training step's time. So what was freed is kept for the next.
void keep_freed_memory() {
  constexpr int kMostKept = 512 << 20, kLargestPiece = 32 << 20;  // the latter is the most that glibc accepts
  mallopt(M_TRIM_THRESHOLD, kMostKept);
  mallopt(M_MMAP_THRESHOLD, kLargestPiece);
}

}  // namespace

CpuBackend::CpuBackend(ThreadPool& pool)
    : pool_(pool), packed_(pool.threads()), own_(static_cast<size_t>(pool.threads())) {
  keep_freed_memory();
}

void CpuBackend::Buffer::grow(int64_t wanted) {
  if (wanted <= floats) return;
  arena = Arena(wanted * size_of(DType::f32), "scratch");
  floats = wanted;
}

void CpuBackend::reserve(int64_t own, int64_t shared) {
  for (Buffer& buffer : own_) buffer.grow(own);
  shared_.grow(shared);
}

std::unique_ptr<Backend> make_cpu_backend(ThreadPool& pool) { return std::make_unique<CpuBackend>(pool); }

}  // namespace tekio
