// Arenas and memory plans. The memory comes from calloc, which for large pieces maps fresh zero pages without touching
// them, so a big arena costs nothing until it is used; large arenas start on a 2 MiB border and ask for huge pages.
#include "compute/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "base/memory.h"

namespace tekio {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kHugePage = 2 << 20;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

std::string size_text(int64_t bytes) {
  if (bytes >= int64_t{1} << 30) return fmt::format("{:.2f} GiB", static_cast<double>(bytes) / (1 << 30));
  if (bytes >= 1 << 20) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
  return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / (1 << 10));
}

}  // namespace

Arena::Arena(int64_t bytes, const std::string& purpose) : bytes_(round_up(bytes, kAlignment)) {
  TEKIO_CHECK(bytes >= 0, "an arena of {} bytes for {}", bytes, purpose);
  const bool large = bytes_ >= 2 * kHugePage;
  const int64_t border = large ? kHugePage : kAlignment;
  const int64_t free = available_memory().value_or(std::numeric_limits<int64_t>::max());
  // calloc promises pages that may not be there when they are touched: ask first, rather than be killed in
  // mid-training.
  char* base = bytes_ <= free ? static_cast<char*>(std::calloc(1, static_cast<size_t>(bytes_ + 2 * border))) : nullptr;
  if (base == nullptr)
    fail(ErrorKind::device,
         "{} needs {} of memory, but only {} is free: use a smaller batch, shorter sequences or a smaller model",
         purpose, size_text(bytes_), size_text(free));
  char* start = base + border - reinterpret_cast<uintptr_t>(base) % static_cast<uintptr_t>(border);
  if (start - base < static_cast<std::ptrdiff_t>(sizeof base)) start += border;
  reinterpret_cast<void**>(start)[-1] = base;  // for Free
  if (large)
    madvise(start, static_cast<size_t>(bytes_), MADV_HUGEPAGE);  // only advice: where refused, small pages serve
  memory_.reset(start);
}

void Arena::Free::operator()(void* memory) const { std::free(static_cast<void**>(memory)[-1]); }

int64_t Arena::size_of_tensor(DType type, std::initializer_list<int64_t> shape) {
  int64_t bytes = size_of(type);
  for (const int64_t d : shape)
    TEKIO_CHECK(d >= 0 && !__builtin_mul_overflow(bytes, d, &bytes), "a tensor with a dimension of {} has no size", d);
  TEKIO_CHECK(bytes <= std::numeric_limits<int64_t>::max() - kAlignment, "a tensor of {} bytes", bytes);
  return round_up(bytes, kAlignment);
}

Tensor Arena::take(DType type, std::initializer_list<int64_t> shape) {
  const int64_t size = size_of_tensor(type, shape);
  TEKIO_CHECK(size <= bytes_ - used_, "{} bytes wanted, {} of {} left", size, bytes_ - used_, bytes_);
  Tensor tensor(static_cast<char*>(memory_.get()) + used_, type, shape);
  used_ += size;
  return tensor;
}

int64_t MemoryPlan::total() const {
  int64_t sum = 0;
  for (const Line& line : lines) sum += line.bytes;
  return sum;
}

std::string MemoryPlan::table() const {
  size_t width = 5;
  for (const Line& line : lines) width = std::max(width, line.purpose.size());
  std::string text;
  for (const Line& line : lines) text += fmt::format("{:<{}}  {:>10}\n", line.purpose, width, size_text(line.bytes));
  return text + fmt::format("{:<{}}  {:>10}\n", "total", width, size_text(total()));
}

const char* name_of(DType type) { return type == DType::f32 ? "f32" : "bf16"; }

}  // namespace tekio
