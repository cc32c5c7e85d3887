// Cross entropy over the vocabulary, and softmax: a row (122 KB at 30,522 entries) is read from memory once and rests
// in the second cache for its further passes; the gradient is made in place.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "compute/cpu/cpu_backend.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/loss.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// NaN where there is one: exponentials() would take it for a logit of no weight.
template <typename T>
HWY_INLINE float maximum_or_nan(const T* x, int64_t count) {
  VF most = set(-std::numeric_limits<float>::infinity()), nan = set(0);
  for_vectors(count, [&](int64_t c, auto io) HWY_ATTR {
    const VF logits = io.load_or(most, x + c);
    most = hn::Max(most, logits);
    nan = hn::IfThenElse(hn::IsNaN(logits), logits, nan);
  });
  return max_of(most) + sum_of(nan);
}

// logsumexp(row) - row[label], and whether the label is where the row's maximum first stands; d_row = (softmax(row) -
// onehot(label)) * scale, unless it is null. In float32 the exponentials wait in d_row for their sum; bf16 would round
// them, so there they are computed again.
LabelLoss loss_row(void* d_row, const void* row, int64_t vocabulary, int32_t label, float scale, DType type) {
  LabelLoss found;
  with_numbers(type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    constexpr bool kWait = std::is_same_v<T, float>;
    const T* const x = static_cast<const T*>(row);
    T* const d = static_cast<T*>(d_row);
    const float most = maximum_or_nan(x, vocabulary), own = x[label];  // d_row may be row
    float* terms = nullptr;
    if constexpr (kWait) terms = d;
    const bool hit = own == most && (label == 0 || row_maximum(x, label) < most);  // d_row overwrites it
    const float sum = exponentials(terms, x, vocabulary, most);
    found.loss = static_cast<double>(most) - own + std::log(static_cast<double>(sum));
    found.hits = hit && !std::isnan(found.loss) ? 1 : 0;
    found.confidence = 1 / static_cast<double>(sum);
    if (d == nullptr) return;
    const VF factor = set(scale / sum), top = set(most);
    const float at_label = scale / sum * std::exp(own - most) - scale;
    for_vectors(vocabulary, [&](int64_t v, auto io) HWY_ATTR {
      const VF term = kWait ? io.load(d + v) : exponential(hn::Sub(io.load(x + v), top));
      io.store(hn::Mul(term, factor), d + v);
    });
    d[label] = T(at_label);
  });
  return found;
}

void softmax(float* row, int64_t count) {
  const VF inverse = set(1 / exponentials(row, row, count, row_maximum(row, count)));
  for_vectors(count, [&](int64_t c, auto io) HWY_ATTR { io.store(hn::Mul(io.load(row + c), inverse), row + c); });
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(loss_row);
HWY_EXPORT(softmax);

void CpuBackend::run(const verb::VocabularyLoss& op) {
  const int64_t rows = op.logits.dim[0];
  static_assert(sizeof(LabelLoss) == 6 * sizeof(float));
  reserve(0, 6 * rows);
  auto* found = reinterpret_cast<LabelLoss*>(shared());
  for_each(rows, [&](int64_t r, int) {
    if (op.labels[static_cast<size_t>(r)] < 0) {
      found[r] = {};
      const Tensor d_row = op.d_logits ? op.d_logits.rows(r, r + 1) : Tensor();
      if (d_row) std::memset(d_row.data, 0, static_cast<size_t>(op.vocabulary * size_of(d_row.dtype)));
      return;
    }
    found[r] = HWY_DYNAMIC_DISPATCH(loss_row)(op.d_logits ? op.d_logits.rows(r, r + 1).data : nullptr,
                                              op.logits.rows(r, r + 1).data, op.vocabulary,
                                              op.labels[static_cast<size_t>(r)], op.scale, op.logits.dtype);
  });
  LabelLoss sum;
  auto* each = op.each ? reinterpret_cast<LabelLoss*>(op.each.f64()) : nullptr;
  for (int64_t r = 0; r < rows; ++r) {
    sum += found[r];
    if (each != nullptr && op.labels[static_cast<size_t>(r)] >= 0) *each++ = found[r];
  }
  if (op.sum) *reinterpret_cast<LabelLoss*>(op.sum.f64()) = sum;
}

void CpuBackend::run(const verb::SoftmaxRows& op) {
  for_each(op.logits.dim[0], [&](int64_t r, int) {
    HWY_DYNAMIC_DISPATCH(softmax)(op.logits.f32() + r * op.logits.dim[1], op.vocabulary);
  });
}

}  // namespace tekio
#endif  // HWY_ONCE
