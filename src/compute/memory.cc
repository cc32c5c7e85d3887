// The host's memory. It comes from calloc, which for large pieces maps fresh zero pages without touching them, so a big
// arena costs nothing until it is used; large pieces start on a 2 MiB border and ask for huge pages.
#include "compute/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

namespace tekio {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kHugePage = 2 << 20;

class HostMemory final : public Memory {
 public:
  bool on_host() const override { return true; }

  void* allocate(int64_t bytes, const std::string& purpose) override {
    const bool large = bytes >= 2 * kHugePage;
    const int64_t border = large ? kHugePage : kAlignment;
    const int64_t available = available_memory().value_or(std::numeric_limits<int64_t>::max());
    // calloc promises pages that may not be there when they are touched: ask first, rather than be killed in
    // mid-training.
    char* base =
        bytes <= available ? static_cast<char*>(std::calloc(1, static_cast<size_t>(bytes + 2 * border))) : nullptr;
    if (base == nullptr)
      fail(ErrorKind::device,
           "no memory for {}: {} are needed, but only {} are free; use a smaller batch, shorter sequences or a smaller "
           "model",
           purpose, bytes_text(static_cast<uint64_t>(bytes)), bytes_text(static_cast<uint64_t>(available)));
    char* start = base + border - reinterpret_cast<uintptr_t>(base) % static_cast<uintptr_t>(border);
    if (start - base < static_cast<std::ptrdiff_t>(sizeof base)) start += border;
    reinterpret_cast<void**>(start)[-1] = base;  // for free()
    if (large)
      madvise(start, static_cast<size_t>(bytes), MADV_HUGEPAGE);  // only advice: where refused, small pages serve
    return start;
  }
  void free(void* memory) override { std::free(static_cast<void**>(memory)[-1]); }

  void write(void* to, const void* from_host, int64_t bytes) override { copy(to, from_host, bytes); }
  void read(void* to_host, const void* from, int64_t bytes) override { copy(to_host, from, bytes); }

 private:
  static void copy(void* to, const void* from, int64_t bytes) {
    if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
  }
};

}  // namespace

Memory& host_memory() {
  static HostMemory memory;
  return memory;
}

}  // namespace tekio
