// AdamW's numbers, rounded as the reference's fused kernel rounds them. All of it in float32 but for the coefficients,
// which are computed in double and rounded once; fma where that kernel has one rounding for a product and a sum:
//   g = g gradient_scale (only where it clips),  p = p f(1 - lr wd),  m = fma(f(1-b1), g - m, m),
//   v = fma(f(1-b2) g, g, f(b2) v),  p = p - (f(lr / (1-b1^t)) m) / (sqrt(v) / f(sqrt(1-b2^t)) + f(eps)).
#pragma once

#include <cmath>

#include "compute/anywhere.h"
#include "compute/backend.h"

namespace tekio {

struct AdamWCoefficients {
  float decay, one_minus_beta1, beta2, one_minus_beta2, step_size, correction2_root, epsilon, gradient_scale;

  explicit AdamWCoefficients(const AdamWStep& step)
      : decay(static_cast<float>(1 - step.learning_rate * step.weight_decay)),
        one_minus_beta1(static_cast<float>(1 - step.beta1)),
        beta2(static_cast<float>(step.beta2)),
        one_minus_beta2(static_cast<float>(1 - step.beta2)),
        step_size(static_cast<float>(step.learning_rate / (1 - std::pow(step.beta1, static_cast<double>(step.step))))),
        correction2_root(static_cast<float>(std::sqrt(1 - std::pow(step.beta2, static_cast<double>(step.step))))),
        epsilon(static_cast<float>(step.epsilon)),
        gradient_scale(step.gradient_scale) {}
};

/// One element, in place.
TEKIO_ANYWHERE inline void adamw_element(float& p, float& m, float& v, float g, const AdamWCoefficients& c) {
  g *= c.gradient_scale;
  p *= c.decay;
  m = std::fma(c.one_minus_beta1, g - m, m);
  v = std::fma(c.one_minus_beta2 * g, g, c.beta2 * v);
  p -= c.step_size * m / (std::sqrt(v) / c.correction2_root + c.epsilon);
}

}  // namespace tekio
