// Plain loops that the compiler vectorises. Blocks are small enough to stay in the cache from one level of the tree to
// the next.
#include "dist/tree_sum.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/denormals.h"

namespace tekio {
namespace {

// `out` may be `a`: element i depends on nothing but element i.
void add(const float* a, const float* b, size_t count, float* out) {
#pragma omp simd
  for (size_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
}

void add_block(std::span<float* const> parts, size_t begin, size_t count, float* out) {
  for (size_t stride = 1; stride < parts.size(); stride *= 2)
    for (size_t left = 0; left + stride < parts.size(); left += 2 * stride) {
      float* const sum = 2 * stride >= parts.size() ? out : parts[left];
      add(parts[left] + begin, parts[left + stride] + begin, count, sum + begin);
    }
}

}  // namespace

void add_in_tree(std::span<float* const> parts, size_t count, float* out) {
  if (parts.size() == 1 && parts[0] != out) std::memcpy(out, parts[0], count * sizeof *out);
  const FlushDenormals flush;  // as where a rank alone adds up what here are several ranks' numbers
  constexpr size_t kBlock = 2048;
  for (size_t begin = 0; begin < count; begin += kBlock) add_block(parts, begin, std::min(kBlock, count - begin), out);
}

// In two steps, each of which compilers vectorise: rounded, and cut to the half that is left.
void narrow(const float* from, size_t count, bf16* to) {
  constexpr size_t kBlock = 512;
  float rounded[kBlock];
  for (size_t begin = 0; begin < count; begin += kBlock) {
    const size_t block = std::min(kBlock, count - begin);
    std::copy_n(from + begin, block, rounded);
    round_to_bf16(rounded, block);
#pragma omp simd
    for (size_t i = 0; i < block; ++i)
      to[begin + i].bits = static_cast<uint16_t>(std::bit_cast<uint32_t>(rounded[i]) >> 16);
  }
}

void widen(const bf16* from, size_t count, float* to) {
#pragma omp simd
  for (size_t i = 0; i < count; ++i) to[i] = from[i];
}

void round_to_bf16(float* numbers, size_t count) {
#pragma omp simd
  for (size_t i = 0; i < count; ++i) numbers[i] = bf16(numbers[i]);
}

}  // namespace tekio
