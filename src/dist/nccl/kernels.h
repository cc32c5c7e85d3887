// The arithmetic of sums over ranks (dist/tree_sum.h) on a GPU: the same bits, of numbers that are numbers.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "compute/bf16.h"
#include "dist/communicator.h"

namespace tekio::nccl {

/// The numbers of one piece that ranks have given: giver g's lie at given + g * stride, in float32 or bf16, but for
/// this rank's own, which are where the sum goes.
struct GivenNumbers {
  const void* given;
  Wire type;
  int64_t stride;
  int givers;
  int own;  ///< this rank's place among the givers; any number beyond them where it is none
};

/// Queues: sum = ((0 + 1) + (2 + 3)) + …, of `count` numbers. Given as bf16, own numbers are rounded to it first and
/// the sum last; it is then written to `rounded` as well.
void add_in_tree(cudaStream_t stream, const GivenNumbers& given, int64_t count, float* sum, bf16* rounded);

/// Queue what dist/tree_sum.h's do.
void narrow(cudaStream_t stream, const float* from, int64_t count, bf16* to);
void widen(cudaStream_t stream, const bf16* from, int64_t count, float* to);

}  // namespace tekio::nccl
