// Walking packed sequences: which sequence, and which position within it, a token is. Dropout's counters need both.
#pragma once

#include <algorithm>

#include "compute/backend.h"

namespace tekio {

/// Where a row of an op stands: its token, that token's sequence, and its position within it.
struct RowPlace {
  int64_t token, sequence, position;
};

/// Calls body(row, place) for the op's rows [begin, end), in order.
template <typename Body>
void for_rows(const Sequences& s, int64_t begin, int64_t end, const Body& body) {
  if (begin >= end) return;
  const auto token_of = [&](int64_t row) {
    return s.some.empty() ? row : static_cast<int64_t>(s.some[static_cast<size_t>(row)]);
  };
  int64_t k = std::upper_bound(s.offsets.begin(), s.offsets.end(), static_cast<int32_t>(token_of(begin))) -
              s.offsets.begin() - 1;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t token = token_of(row);
    while (s.offsets[static_cast<size_t>(k) + 1] <= token) ++k;
    body(row, RowPlace{token, k, token - s.offsets[static_cast<size_t>(k)]});
  }
}

/// The dropout row of a token.
inline DropoutRow token_row(const Sequences& s, const RowPlace& at) {
  return {s.first_key + static_cast<uint64_t>(at.sequence), 0, static_cast<uint32_t>(at.position)};
}

}  // namespace tekio
