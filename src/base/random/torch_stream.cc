// torch's rules: which words a draw takes and what it makes of them (remainders are biased and never drawn again; that
// is part of it).
#include "base/random/torch_stream.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace tekio {

std::vector<int64_t> TorchStream::randperm(int64_t n) {
  TEKIO_CHECK(n >= 0, "a permutation of {}", n);
  std::vector<int64_t> order(static_cast<size_t>(n));
  if (n < int64_t{0xFFFFFFFF} / 20) {
    std::iota(order.begin(), order.end(), 0);
    for (int64_t i = 0; i + 1 < n; ++i) {
      const auto at = static_cast<size_t>(i);
      std::swap(order[at], order[at + word() % static_cast<uint32_t>(n - i)]);
    }
    return order;
  }
  // From here on torch shuffles another way, with 64 bits (compared with torch 2.15).
  for (uint64_t i = 0; i < order.size(); ++i) {
    const uint64_t other = word64() % (i + 1);
    order[i] = order[other];
    order[other] = static_cast<int64_t>(i);
  }
  return order;
}

void TorchStream::dropout_kept(std::span<uint8_t> out, double rate) {
  if (rate <= 0 || rate >= 1) {
    std::fill(out.begin(), out.end(), static_cast<uint8_t>(rate <= 0));
    return;
  }
  // torch keeps where k * 2^-53 < 1 - rate, k of 53 bits; scaling by 2^53 is exact, so that is k < ceil((1 - rate) *
  // 2^53).
  const auto limit = static_cast<uint64_t>(std::ceil((1 - rate) * 0x1p53));
  const auto limit_high = static_cast<uint32_t>(limit >> 32), limit_low = static_cast<uint32_t>(limit);
  std::array<uint32_t, 2 * 1024> drawn;
  while (!out.empty()) {
    const size_t count = std::min(out.size(), drawn.size() / 2);
    twister_.words({drawn.data(), 2 * count});
    for (size_t i = 0; i < count; ++i) {
      const uint32_t high = drawn[2 * i] & 0x1FFFFF, low = drawn[2 * i + 1];
      out[i] = static_cast<uint8_t>((high < limit_high) | ((high == limit_high) & (low < limit_low)));
    }
    out = out.subspan(count);
  }
}

}  // namespace tekio
