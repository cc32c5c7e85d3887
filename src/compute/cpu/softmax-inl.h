// Softmax of a row in cache: its maximum, its exponentials and their sum, and one division.
#include <algorithm>
#include <limits>

#include "compute/cpu/vector-inl.h"

#if defined(TEKIO_COMPUTE_CPU_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TEKIO_COMPUTE_CPU_SOFTMAX_INL_H_
#undef TEKIO_COMPUTE_CPU_SOFTMAX_INL_H_
#else
#define TEKIO_COMPUTE_CPU_SOFTMAX_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// The least x whose exponential() is no denormal number, and so not 0 where these are taken for 0.
constexpr float kLeastExponent = -0x1.5d589ep6f;  // -87.33654

/// exponential(x) where x is at most 0 or NaN, and denormal numbers are taken for 0: the same bits by fewer steps. The
/// power of two is put into the exponent at once; there is no sign to look at, and no overflow.
HWY_INLINE VF exponential_of_negative(VF x) {
#if HWY_TARGET == HWY_SCALAR
  return exponential(x);
#else
  const hn::RebindToSigned<F> integers;
  hn::impl::ExpImpl<float> steps;
  constexpr float kInteger = 0x1.8p23f;  // added to a small whole number, this leaves it in the lowest bits
  const VF power = hn::Trunc(hn::MulAdd(x, set(1.442695040888963407359924681f), set(-0.5f)));
  const VF rest = hn::MulAdd(power, set(-1.428606765330187045e-6f), hn::MulAdd(power, set(-0.693145751953125f), x));
  const VF mantissa = hn::Add(steps.ExpPoly(F(), rest), set(1));
  const auto shifted = hn::ShiftLeft<23>(hn::BitCast(integers, hn::Add(power, set(kInteger))));
  const VF value = hn::BitCast(F(), hn::Add(hn::BitCast(integers, mantissa), shifted));
  return hn::IfThenElseZero(hn::Ge(x, set(kLeastExponent)), value);
#endif
}

template <typename T>
HWY_INLINE float row_maximum(const T* x, int64_t count) {
  VF most = set(-std::numeric_limits<float>::infinity());
  // In this order a NaN is passed over: what remains is at most the maximum, or NaN.
  for_vectors(count, [&](int64_t c, auto io) HWY_ATTR { most = hn::Max(io.load_or(most, x + c), most); });
  return max_of(most);
}

/// The sum of e^(scale (x - most)); the terms go to `terms` if that is not null (it may be x).
template <typename T>
HWY_INLINE float exponentials(float* terms, const T* x, int64_t count, float most, float scale = 1) {
  const VF top = set(most), factor = set(scale);
  VF sum = set(0);
  for_vectors(count, [&](int64_t c, auto io) HWY_ATTR {
    const VF term = exponential_of_negative(hn::Mul(hn::Sub(io.load(x + c), top), factor));
    if (terms != nullptr) io.store(term, terms + c);
    sum = hn::Add(sum, io.zero_outside(term));
  });
  return sum_of(sum);
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
