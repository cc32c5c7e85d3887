// Text that a run meets twice.
#pragma once

#include <tekio/dataset.h>
#include <cstdint>
#include <optional>

namespace tekio {

/// Rows count as equal where their tokens are, which is all that a model sees of them; those without any do not count.
struct DuplicateRows {
  int64_t train = 0;                ///< rows trained on that repeat an earlier one
  std::optional<int64_t> held_out;  ///< rows evaluated on that are trained on too; none where chunks are held out
};

/// Of the rows that chunks are cut from, whichever of these are selected. Of more than 16 million it is an estimate.
DuplicateRows count_duplicate_rows(const Chunks& train, const Chunks& held_out);

}  // namespace tekio
