// What one forward and backward pass is fed: sequences packed one after another, and which of their tokens to predict.
#pragma once

#include <cstdint>
#include <vector>

namespace tekio {

/// Letters: B sequences, n tokens, r masked rows.
struct Batch {
  std::vector<int32_t> input_ids;    ///< [n], masked
  std::vector<int32_t> type_ids;     ///< [n], or empty: all 0
  std::vector<int32_t> offsets;      ///< [B+1], offsets[0] = 0, offsets[B] = n
  std::vector<int32_t> masked_rows;  ///< [r], ascending token numbers in [0, n)
  std::vector<int32_t> labels;       ///< [r], the tokens to be predicted there
  uint64_t first_key = 0;            ///< number of the first sequence within its update (dropout's key)
  int64_t padded_length = 0;  ///< longest sequence after the reference's padding: its rectangle is B x padded_length

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t tokens() const { return static_cast<int64_t>(input_ids.size()); }
};

}  // namespace tekio
