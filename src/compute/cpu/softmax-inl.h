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

template <typename T>
HWY_INLINE float row_maximum(const T* x, int64_t count) {
  VF most = set(-std::numeric_limits<float>::infinity());
  for_vectors(count, [&](int64_t c, auto io) HWY_ATTR { most = hn::Max(most, io.load_or(most, x + c)); });
  return max_of(most);
}

/// The sum of e^(scale (x - most)); the terms go to `terms` if that is not null (it may be x).
template <typename T>
HWY_INLINE float exponentials(float* terms, const T* x, int64_t count, float most, float scale = 1) {
  const VF top = set(most), factor = set(scale);
  VF sum = set(0);
  for_vectors(count, [&](int64_t c, auto io) HWY_ATTR {
    const VF term = exponential(hn::Mul(hn::Sub(io.load(x + c), top), factor));
    if (terms != nullptr) io.store(term, terms + c);
    sum = hn::Add(sum, io.zero_outside(term));
  });
  return sum_of(sum);
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
