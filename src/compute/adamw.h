// AdamW's numbers, rounded as the reference's fused kernel rounds them. All of it in float32 but for the coefficients,
// which are computed in double and rounded once; fma where that kernel has one rounding for a product and a sum:
//   g = g gradient_scale (only where it clips),  p = p f(1 - lr wd),  m = fma(f(1-b1), g - m, m),
//   v = fma(f(1-b2) g, g, f(b2) v),  p = p - (f(lr / (1-b1^t)) m) / (sqrt(v) / f(sqrt(1-b2^t)) + f(eps)).
// gradient_scale is that of clip().
#pragma once

#include <cmath>

#include "compute/anywhere.h"
#include "compute/backend.h"

namespace tekio {

struct AdamWCoefficients {
  float decay, one_minus_beta1, beta2, one_minus_beta2, step_size, correction2_root, epsilon;

  explicit AdamWCoefficients(const AdamWStep& step)
      : decay(static_cast<float>(1 - step.learning_rate * step.weight_decay)),
        one_minus_beta1(static_cast<float>(1 - step.beta1)),
        beta2(static_cast<float>(step.beta2)),
        one_minus_beta2(static_cast<float>(1 - step.beta2)),
        step_size(static_cast<float>(step.learning_rate / (1 - std::pow(step.beta1, static_cast<double>(step.step))))),
        correction2_root(static_cast<float>(std::sqrt(1 - std::pow(step.beta2, static_cast<double>(step.step))))),
        epsilon(static_cast<float>(step.epsilon)) {}
};

/// One element, in place.
TEKIO_ANYWHERE inline void adamw_element(float& p, float& m, float& v, float g, float gradient_scale,
                                         const AdamWCoefficients& c) {
  g *= gradient_scale;
  p *= c.decay;
  m = std::fma(c.one_minus_beta1, g - m, m);
  v = std::fma(c.one_minus_beta2 * g, g, c.beta2 * v);
  p -= c.step_size * m / (std::sqrt(v) / c.correction2_root + c.epsilon);
}

/// Of sums of squares, added in order.
TEKIO_ANYWHERE inline Clipping clipping_of(const double* sums, int64_t count, double limit) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += sums[i];
  const double norm = std::sqrt(sum);
  const float scale = static_cast<float>(limit) / (static_cast<float>(norm) + 1e-6f);
  return {norm, static_cast<double>(limit > 0 && scale < 1 ? scale : 1.0f)};
}
/// Whether gradients of this norm are taken: infinities and what is no number are not.
TEKIO_ANYWHERE inline bool is_taken(const Clipping& clipping) { return clipping.norm - clipping.norm == 0; }

}  // namespace tekio
