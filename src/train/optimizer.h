// AdamW over a model's weights, with clipping to a global norm folded into its one pass.
#pragma once

#include "compute/backend.h"
#include "model/weights.h"

namespace tekio {

struct OptimizerOptions {
  double weight_decay = 0.01, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double max_grad_norm = 1;  ///< 0: no clipping
};

class Optimizer {
 public:
  /// `backend` must outlive this.
  Optimizer(Backend& backend, const ModelConfig& config, const OptimizerOptions& options);

  /// weights -= the update that `gradients` ask for; `step` counts from 1. Returns the gradients' norm before clipping.
  /// Where that is not a finite number nothing is changed.
  double update(ParameterSet& weights, const ParameterSet& gradients, double learning_rate, int64_t step);

  ParameterSet& moment1() { return moment1_; }
  ParameterSet& moment2() { return moment2_; }
  /// Where the moments lie, as the weights do.
  Memory& memory() { return backend_.memory(); }

 private:
  Backend& backend_;
  OptimizerOptions options_;
  ParameterSet moment1_, moment2_;
};

}  // namespace tekio
