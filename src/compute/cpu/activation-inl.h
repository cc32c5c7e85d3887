// The activations and their slopes in float32 vectors, each accurate to a few units in the last place (see
// compute/activation.h for the formulas). Where a form cancels, another is used: gelu's normal distribution is computed
// from its tail, x tanh(softplus) from e^x, so that small results keep their digits.
#include "compute/backend.h"
#include "compute/cpu/vector-inl.h"

#if defined(TEKIO_COMPUTE_CPU_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TEKIO_COMPUTE_CPU_ACTIVATION_INL_H_
#undef TEKIO_COMPUTE_CPU_ACTIVATION_INL_H_
#else
#define TEKIO_COMPUTE_CPU_ACTIVATION_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// What is lost as a^2 is rounded to `square`.
HWY_INLINE VF square_rest(VF a, VF square) {
#if HWY_TARGET == HWY_SCALAR  // where MulSub rounds twice; a product of two float32 is exact in float64
  const double exact = hn::GetLane(a);
  return set(static_cast<float>(exact * exact - hn::GetLane(square)));
#else
  return hn::MulSub(a, a, square);
#endif
}

// Phi(x), the normal distribution function, and e^(-x^2/2), which it needs and the slope too. For a = |x|:
// Phi(-a) = e^(-a^2/2) R(a), R smooth: a polynomial in 1/(1 + a/4), fitted by scripts/golden/fit_normal_tail.py to
// 2e-8.
struct Normal {
  VF distribution, bell;
};
HWY_INLINE Normal normal_at(VF x) {
  const VF a = hn::Min(hn::Abs(x), set(14.5f));                    // e^(-14.5^2/2) is below float32's smallest number
  const VF square = hn::Mul(a, a), rest = square_rest(a, square);  // a^2 in two parts: its rounding would show in e^
  const VF bell = exponential(hn::Mul(square, set(-0.5f)));
  const VF exact_bell = hn::NegMulAdd(hn::Mul(bell, set(0.5f)), rest, bell);
  const VF t = hn::Div(set(1), hn::MulAdd(a, set(0.25f), set(1)));
  VF r = set(0.03342573344707489f);
  r = hn::MulAdd(r, t, set(-0.19337913393974304f));
  r = hn::MulAdd(r, t, set(0.38849127292633057f));
  r = hn::MulAdd(r, t, set(-0.32487252354621887f));
  r = hn::MulAdd(r, t, set(0.2973979115486145f));
  r = hn::MulAdd(r, t, set(-0.016604367643594742f));
  r = hn::MulAdd(r, t, set(0.12026670575141907f));
  r = hn::MulAdd(r, t, set(0.09509886801242828f));
  r = hn::MulAdd(r, t, set(0.10019535571336746f));
  r = hn::MulAdd(r, t, set(-1.985499147849623e-05f));
  const VF tail = hn::Mul(exact_bell, r);
  return {hn::IfThenElse(hn::Lt(x, set(0)), tail, hn::Sub(set(1), tail)), exact_bell};
}

// Each activation: value(x), slope(x).
struct Gelu {
  static HWY_INLINE VF value(VF x) { return hn::Mul(x, normal_at(x).distribution); }
  static HWY_INLINE VF slope(VF x) {
    const Normal normal = normal_at(x);
    return hn::MulAdd(hn::Mul(x, set(0.3989422804014327f)), normal.bell, normal.distribution);  // x / sqrt(2 pi) e^…
  }
};
// gelu_new and gelu_fast, whose constants are the same number in float32:
// 0.5 x (1 + tanh u) = x sigmoid(2 u), 2 u = 2 sqrt(2/pi) (x + 0.044715 x^3).
struct GeluByTanh {
  static HWY_INLINE VF twice_u(VF x) {
    return hn::Mul(hn::Mul(x, set(1.5957691216f)), hn::MulAdd(hn::Mul(x, x), set(0.044715f), set(1)));
  }
  static HWY_INLINE VF value(VF x) { return hn::Mul(x, sigmoid_of(twice_u(x)).s); }
  static HWY_INLINE VF slope(VF x) {
    const auto [s, complement] = sigmoid_of(twice_u(x));
    const VF u_slope = hn::Mul(set(1.5957691216f), hn::MulAdd(hn::Mul(x, x), set(3 * 0.044715f), set(1)));
    return hn::MulAdd(hn::Mul(hn::Mul(x, s), complement), u_slope, s);
  }
};
struct QuickGelu {
  static HWY_INLINE VF value(VF x) { return hn::Mul(x, sigmoid_of(hn::Mul(x, set(1.702f))).s); }
  static HWY_INLINE VF slope(VF x) {
    const auto [s, complement] = sigmoid_of(hn::Mul(x, set(1.702f)));
    return hn::MulAdd(hn::Mul(hn::Mul(x, s), complement), set(1.702f), s);
  }
};
struct Relu {
  static HWY_INLINE VF value(VF x) { return hn::IfThenElse(hn::Lt(x, set(0)), set(0), x); }  // not Max: NaN stays NaN
  static HWY_INLINE VF slope(VF x) { return hn::IfThenElseZero(hn::Gt(x, set(0)), set(1)); }
};
struct Silu {
  static HWY_INLINE VF value(VF x) { return hn::Mul(x, sigmoid_of(x).s); }
  static HWY_INLINE VF slope(VF x) {
    const auto [s, complement] = sigmoid_of(x);
    return hn::MulAdd(hn::Mul(x, s), complement, s);
  }
};
struct Tanh {
  static HWY_INLINE VF value(VF x) { return hyperbolic_tangent(x); }
  static HWY_INLINE VF slope(VF x) {
    const VF t = value(x);
    return hn::Mul(hn::Sub(set(1), t), hn::Add(set(1), t));
  }
};
// x t, t = tanh(log(1 + e^x)) = m / (m + 2) with m = e^x (e^x + 2); 1 - t^2 = 4 (m + 1) / (m + 2)^2.
struct Mish {
  struct Parts {
    VF e, m;
  };
  static HWY_INLINE Parts parts(VF x) {
    const VF e = exponential(hn::Min(x, set(30)));  // beyond, t is 1 in float32
    return {e, hn::Mul(e, hn::Add(e, set(2)))};
  }
  static HWY_INLINE VF value(VF x) {
    const VF m = parts(x).m;
    return hn::Mul(x, hn::Div(m, hn::Add(m, set(2))));
  }
  static HWY_INLINE VF slope(VF x) {
    const auto [e, m] = parts(x);
    const VF inverse = hn::Div(set(1), hn::Add(m, set(2)));
    const VF t = hn::Mul(m, inverse), sigmoid = hn::Div(e, hn::Add(e, set(1)));
    const VF t_slope = hn::Mul(hn::Mul(set(4), hn::Mul(hn::Add(m, set(1)), inverse)), inverse);  // 1 - t^2
    return hn::MulAdd(hn::Mul(x, sigmoid), t_slope, t);
  }
};

/// body(Gelu()), body(Relu()), …: the choice is made once, outside the loop over numbers.
template <typename Body>
HWY_INLINE void with_activation(Activation act, const Body& body) {
  switch (act) {
    case Activation::gelu:
      return body(Gelu());
    case Activation::gelu_new:
    case Activation::gelu_fast:
      return body(GeluByTanh());
    case Activation::quick_gelu:
      return body(QuickGelu());
    case Activation::relu:
      return body(Relu());
    case Activation::silu:
      return body(Silu());
    case Activation::tanh:
      return body(Tanh());
    case Activation::mish:
      return body(Mish());
  }
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
