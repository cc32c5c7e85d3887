// A model's passes, with what they come to brought to the host at once.
#pragma once

#include <span>

#include "model/mlm_network.h"
#include "support/results.h"

namespace tekio::test {

/// A backward's loss.
inline double backward(MlmNetwork& model, const Batch& batch, float scale, const BackwardOptions& how = {}) {
  const ResultTensor loss(model.backend(), kLabelLoss);
  model.backward(batch, scale, loss.get(), how);
  return loss.host().front();
}
/// An evaluation's rows, together.
inline LabelLoss evaluate(MlmNetwork& model, const Batch& batch, std::span<LabelLoss> each = {}) {
  const RowLosses rows = model.evaluate(batch);
  model.backend().wait();
  LabelLoss sum;
  for (size_t i = 0; i < rows.size(); ++i) {
    sum += rows[i];
    if (!each.empty()) each[i] = rows[i];
  }
  return sum;
}

}  // namespace tekio::test
