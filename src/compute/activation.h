// The activations' formulas in double: the specification, and what the tests hold the vector code against.
// Source: the definitions of each function as published; names as the reference's configurations spell them.
#pragma once

#include <cmath>

#include "compute/backend.h"

namespace tekio {

struct ActivationValue {
  double y, slope;
};  // act(x), act'(x)

inline ActivationValue activation_at(Activation act, double x) {
  const auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
  // x sigmoid(z), z a function of x with slope z_slope
  const auto by_sigmoid = [&](double z, double z_slope) {
    const double s = sigmoid(z);
    return ActivationValue{x * s, s + x * s * sigmoid(-z) * z_slope};
  };
  // 0.5 x (1 + tanh(a (x + b x^3))), the form that gelu_new and gelu_fast share; 0.5 (1 + tanh u) = sigmoid(2 u)
  const auto gelu_by_tanh = [&](double a, double b) {
    return by_sigmoid(2 * a * (x + b * x * x * x), 2 * a * (1 + 3 * b * x * x));
  };
  switch (act) {
    case Activation::gelu: {
      const double phi = 0.5 * std::erfc(-x * M_SQRT1_2);  // the normal distribution function
      return {x * phi, phi + x * std::exp(-0.5 * x * x) * (0.5 * M_SQRT1_2 * M_2_SQRTPI)};
    }
    case Activation::gelu_new:
      return gelu_by_tanh(M_SQRT1_2 * M_2_SQRTPI, 0.044715);
    case Activation::gelu_fast:
      return gelu_by_tanh(0.7978845608, 0.044715);
    case Activation::quick_gelu:
      return by_sigmoid(1.702 * x, 1.702);
    case Activation::relu:
      return {x < 0 ? 0 : x, x > 0 ? 1.0 : 0.0};  // NaN stays NaN
    case Activation::silu:
      return by_sigmoid(x, 1);
    case Activation::tanh: {
      const double t = std::tanh(x);
      return {t, 1 - t * t};
    }
    case Activation::mish: {
      // x tanh(log(1 + e^x)); softplus without overflow
      const double t = std::tanh(x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)));
      return {x * t, t + x * sigmoid(x) * (1 - t * t)};
    }
  }
  return {0, 0};
}

}  // namespace tekio
