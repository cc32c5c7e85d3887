// Walking packed sequences: which sequence, and which position within it, a token is. Dropout's counters need both.
#pragma once

#include <algorithm>

#include "compute/backend.h"

namespace tekio {

/// Calls body(token, k, position) for the tokens [begin, end), in order.
template <typename Body>
void for_tokens(const Sequences& s, int64_t begin, int64_t end, const Body& body) {
  if (begin >= end) return;
  int64_t k = std::upper_bound(s.offsets.begin(), s.offsets.end(), static_cast<int32_t>(begin)) - s.offsets.begin() - 1;
  for (int64_t token = begin; token < end; ++token) {
    while (s.offsets[static_cast<size_t>(k) + 1] <= token) ++k;
    body(token, k, token - s.offsets[static_cast<size_t>(k)]);
  }
}

/// The dropout row of a token.
inline DropoutRow token_row(const Sequences& s, int64_t k, int64_t position) {
  return {s.first_key + static_cast<uint64_t>(k), 0, static_cast<uint32_t>(position)};
}

}  // namespace tekio
