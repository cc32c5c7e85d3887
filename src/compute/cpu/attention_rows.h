// What attention does to rows of scores between its products: softmax and dropout on the way forward; both again, and
// their gradient, on the way back.
#pragma once

#include "compute/backend.h"

namespace tekio {

/// Some queries of one sequence and head, and the keys that any of them sees: in each array a row of `keys` numbers a
/// query; those of `dropped` and `d_scores` are `stride` apart, the others one after another.
struct ScoreBlock {
  float* scores;        // q k^T; overwritten
  float* d_dropped;     // backward: d_y v^T, the gradients of `dropped`; overwritten
  void* dropped;        // of `type`: the probabilities, times dropout's factors
  void* d_scores;       // of `type`, backward: the gradients of scores, times `scale`
  float* factors;       // room for a row of dropout's, 8 more, and kFactorSlack
  float* kept;          // of the first query: its largest score, and 1 / the sum of its exponentials
  int64_t kept_stride;  // from a query's to the next one's
  int64_t queries, keys, stride;
  int64_t first_key, length;  // the block's keys are [first_key, first_key + keys) of the sequence's `length`
  AttentionShape shape;
  float scale;  // of scores: 1 / sqrt(d)
  DType type;
  Dropout drop;
  DropoutRow row;            // its position is `first_position` + the query's number, or as `positions` say
  const int32_t* positions;  // null: one after another
  int64_t first_position;
  const uint8_t* decisions;  // explicit ones of the sequence and head, [T,T], or null
};

/// `kept` and `dropped` from `scores`. Of keys that a query does not see, here and below: zeros.
void softmax_forward(const ScoreBlock& b);
/// `dropped` again, and `d_scores`, from `scores`, `kept` and `d_dropped`: by the same operations in the same order as
/// on the way forward, so that the probabilities have the same bits.
void softmax_backward(const ScoreBlock& b);

/// Rows of `columns` float32 numbers, to rows of `type` that are `stride` apart.
void store_attention_rows(void* to, const float* from, int64_t rows, int64_t columns, int64_t stride, DType type);

}  // namespace tekio
