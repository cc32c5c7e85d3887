// The norm is over all tensors, tied ones once: the arena's gaps are 0 and add nothing.
#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

namespace tekio {
namespace {

/// What gradients are multiplied by so that their norm is at most `limit`. The reference divides by norm + 1e-6, in
/// float32.
float clipping_scale(double norm, double limit) {
  if (limit == 0) return 1;
  return std::min(1.0f, static_cast<float>(limit) / (static_cast<float>(norm) + 1e-6f));
}

}  // namespace

Optimizer::Optimizer(Backend& backend, const ModelConfig& config, const OptimizerOptions& options)
    : backend_(backend),
      options_(options),
      moment1_(config, "first moments", backend.memory()),
      moment2_(config, "second moments", backend.memory()) {}

double Optimizer::update(ParameterSet& weights, const ParameterSet& gradients, double learning_rate, int64_t step) {
  const double norm = std::sqrt(backend_.squared_norm(gradients.flat()));
  if (!std::isfinite(norm)) return norm;
  AdamWStep adamw{.learning_rate = learning_rate,
                  .beta1 = options_.beta1,
                  .beta2 = options_.beta2,
                  .epsilon = options_.epsilon,
                  .weight_decay = 0,
                  .step = step,
                  .gradient_scale = clipping_scale(norm, options_.max_grad_norm)};
  const Tensor w = weights.flat_to_change(), m1 = moment1_.flat_to_change(), m2 = moment2_.flat_to_change();
  const ConstTensor g = gradients.flat();
  for (const auto& [begin, end, decays] : weights.pieces()) {
    adamw.weight_decay = decays ? options_.weight_decay : 0;
    backend_.adamw(w.rows(begin, end), m1.rows(begin, end), m2.rows(begin, end), g.rows(begin, end), adamw);
  }
  return norm;
}

}  // namespace tekio
