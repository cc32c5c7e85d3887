// The activations' formulas: in double the specification, and what the tests hold the vector code against; in float
// what kernels on a GPU compute. Source: the definitions of each function as published; names as the reference's
// configurations spell them.
#pragma once

#include <cmath>

#include "compute/anywhere.h"
#include "compute/backend.h"

namespace tekio {

template <typename Real>
struct ActivationValue {
  Real y, slope;
};  // act(x), act'(x)

template <typename Real>
TEKIO_ANYWHERE inline ActivationValue<Real> activation_at(Activation act, Real x) {
  const auto sigmoid = [](Real z) { return 1 / (1 + std::exp(-z)); };
  // x sigmoid(z), z a function of x with slope z_slope
  const auto by_sigmoid = [&](Real z, Real z_slope) {
    const Real s = sigmoid(z);
    return ActivationValue<Real>{x * s, s + x * s * sigmoid(-z) * z_slope};
  };
  // 0.5 x (1 + tanh(a (x + b x^3))), the form that gelu_new and gelu_fast share; 0.5 (1 + tanh u) = sigmoid(2 u)
  const auto gelu_by_tanh = [&](Real a, Real b) {
    return by_sigmoid(2 * a * (x + b * x * x * x), 2 * a * (1 + 3 * b * x * x));
  };
  switch (act) {
    case Activation::gelu: {
      const Real phi = Real(0.5) * std::erfc(-x * Real(M_SQRT1_2));  // the normal distribution function
      return {x * phi, phi + x * std::exp(Real(-0.5) * x * x) * Real(0.5 * M_SQRT1_2 * M_2_SQRTPI)};
    }
    case Activation::gelu_new:
      return gelu_by_tanh(Real(M_SQRT1_2 * M_2_SQRTPI), Real(0.044715));
    case Activation::gelu_fast:
      return gelu_by_tanh(Real(0.7978845608), Real(0.044715));
    case Activation::quick_gelu:
      return by_sigmoid(Real(1.702) * x, Real(1.702));
    case Activation::relu:
      return {x < 0 ? 0 : x, Real(x > 0 ? 1 : 0)};  // NaN stays NaN
    case Activation::silu:
      return by_sigmoid(x, Real(1));
    case Activation::tanh: {
      const Real t = std::tanh(x);
      return {t, 1 - t * t};
    }
    case Activation::mish: {
      // x tanh(log(1 + e^x)); softplus without overflow
      const Real t = std::tanh(x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)));
      return {x * t, t + x * sigmoid(x) * (1 - t * t)};
    }
  }
  return {0, 0};
}

}  // namespace tekio
