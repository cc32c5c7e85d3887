// Perplexity and accuracy over an evaluation set: what the model makes of chunks that it was not trained on, masked
// once (frozen) or anew.
#pragma once

#include <tekio/adapt.h>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "data/order.h"
#include "dist/communicator.h"
#include "train/model_lease.h"

namespace tekio {

class Evaluator {
 public:
  /// `lease` must be for batches of `batch_size` chunks. All references must outlive the evaluator.
  Evaluator(ModelLease& lease, RunMasking& masking, const Chunks& chunks, int64_t batch_size, EvalMasking kind,
            Communicator& ranks);

  int64_t batches() const { return batches_.batches(); }
  /// One pass; `each` gets the chunks' parts of it. `number` tells fresh masks apart. Each rank has a contiguous block
  /// of the batches, and all get the figures that one process gets. nullopt if `told` was not 0 between two batches, on
  /// any rank. Errors: input (no token was masked).
  std::optional<EvaluationReport> run(uint64_t number, const std::function<int()>& told, ChunkLosses* each = nullptr);

 private:
  struct BatchSums;
  std::optional<std::vector<BatchSums>> all_sums(uint64_t number, const std::function<int()>& told);
  static BatchSums sums_of(const Batch& batch, const RowLosses& rows);

  ModelLease& lease_;
  EvaluationBatches batches_;
  int64_t chunks_;
  Communicator& ranks_;
};

/// Sums over chunks, and what a report makes of them.
class LossSums {
 public:
  /// A batch's part.
  void add(const ChunkLosses& batch);
  /// loss = sum of losses / sum of masked tokens. Its 95 % interval: the ratio's standard error by the delta method,
  /// sqrt(n/(n-1) sum (loss_k - loss * masked_k)^2) / masked over the n chunks with masked tokens, times 1.96, carried
  /// to exp(loss) by its slope; infinite for one such chunk, whose spread is unknown.
  EvaluationReport report() const;
  int64_t masked() const { return masked_; }
  const ChunkLosses& each() const { return each_; }

 private:
  ChunkLosses each_;
  int64_t masked_ = 0;
  double by_sequences_ = 0;
};

}  // namespace tekio
