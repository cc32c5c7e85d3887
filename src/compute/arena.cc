// Arenas and memory plans.
#include "compute/arena.h"

#include <algorithm>
#include <limits>

namespace tekio {
namespace {

constexpr int64_t kAlignment = 64;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

Arena::Arena(int64_t bytes, const std::string& purpose, Memory& memory) : bytes_(round_up(bytes, kAlignment)) {
  TEKIO_CHECK(bytes >= 0, "an arena of {} bytes for {}", bytes, purpose);
  memory_ = {memory.allocate(std::max(bytes_, kAlignment), purpose), Free{&memory}};
}

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

const char* name_of(DType type) { return type == DType::f32 ? "f32" : type == DType::bf16 ? "bf16" : "f64"; }

}  // namespace tekio
