// The norm is over all tensors, tied ones once: the arena's gaps are 0 and add nothing.
#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

namespace tekio {
namespace {

/// Numbers [begin, end) of a flat arena.
Tensor piece_of(const Tensor& flat, const ParameterSet::Piece& piece) { return flat.rows(piece.begin, piece.end); }

/// What gradients are multiplied by so that their norm is at most `limit`. The reference divides by norm + 1e-6, in
/// float32.
float clipping_scale(double norm, double limit) {
  if (limit == 0) return 1;
  return std::min(1.0f, static_cast<float>(limit) / (static_cast<float>(norm) + 1e-6f));
}

}  // namespace

Optimizer::Optimizer(const ModelConfig& config, const OptimizerOptions& options)
    : options_(options), moment1_(config, "first moments"), moment2_(config, "second moments") {}

double Optimizer::update(Backend& backend, ParameterSet& weights, const ParameterSet& gradients, double learning_rate,
                         int64_t step) {
  const double norm = std::sqrt(backend.squared_norm(gradients.flat()));
  if (!std::isfinite(norm)) return norm;
  AdamWStep adamw{.learning_rate = learning_rate,
                  .beta1 = options_.beta1,
                  .beta2 = options_.beta2,
                  .epsilon = options_.epsilon,
                  .weight_decay = 0,
                  .step = step,
                  .gradient_scale = clipping_scale(norm, options_.max_grad_norm)};
  for (const ParameterSet::Piece& piece : weights.pieces()) {
    adamw.weight_decay = piece.decays ? options_.weight_decay : 0;
    backend.adamw(piece_of(weights.flat(), piece), piece_of(moment1_.flat(), piece), piece_of(moment2_.flat(), piece),
                  piece_of(gradients.flat(), piece), adamw);
  }
  return norm;
}

}  // namespace tekio
