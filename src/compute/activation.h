// The activations' formulas in double: the specification, and what the tests hold the vector code against.
// Source: the definitions of each function as published; names as the reference's configurations spell them.
#pragma once

#include <cmath>

#include "compute/backend.h"

namespace tekio {

struct ActivationValue { double y, slope; };  // act(x), act'(x)

inline ActivationValue activation_at(Activation act, double x) {
  // 0.5 x (1 + tanh(a (x + b x^3))), the form that gelu_new and gelu_fast share
  const auto gelu_by_tanh = [x](double a, double b) {
    const double t = std::tanh(a * (x + b * x * x * x));
    return ActivationValue{0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * a * (1 + 3 * b * x * x)};
  };
  const auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
  switch (act) {
    case Activation::gelu: {
      const double phi = 0.5 * std::erfc(-x * M_SQRT1_2);  // the normal distribution function
      return {x * phi, phi + x * std::exp(-0.5 * x * x) * (0.5 * M_SQRT1_2 * M_2_SQRTPI)};
    }
    case Activation::gelu_new: return gelu_by_tanh(M_SQRT1_2 * M_2_SQRTPI, 0.044715);
    case Activation::gelu_fast: return gelu_by_tanh(0.7978845608, 0.044715);
    case Activation::quick_gelu: {
      const double s = sigmoid(1.702 * x);
      return {x * s, s + 1.702 * x * s * (1 - s)};
    }
    case Activation::relu: return {x < 0 ? 0 : x, x > 0 ? 1.0 : 0.0};  // NaN stays NaN
    case Activation::silu: {
      const double s = sigmoid(x);
      return {x * s, s + x * s * (1 - s)};
    }
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
