// torch's draws that Tekio makes many at a time, or none of: here one by one, of the words that the generator gives.
#pragma once

#include <cstdint>

#include "base/random/torch_stream.h"

namespace tekio::test {

/// torch.rand(1)
inline float torch_rand(TorchStream& stream) { return static_cast<float>(stream.word() & 0xFFFFFF) * 0x1p-24f; }

/// torch.rand(1, dtype=torch.float64)
inline double torch_rand_float64(TorchStream& stream) {
  return static_cast<double>(stream.word64() & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
}

/// torch.randint(high, (1,)): biased, and never drawn again.
inline int64_t torch_randint(TorchStream& stream, int64_t high) {
  const auto range = static_cast<uint64_t>(high);
  return static_cast<int64_t>(range < uint64_t{1} << 28 ? stream.word() % range : stream.word64() % range);
}

}  // namespace tekio::test
