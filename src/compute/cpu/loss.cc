// Cross entropy over the vocabulary, and softmax: a row (122 KB at 30,522 entries) is read from memory once and rests
// in the second cache for its further passes; the gradient is made in place.
#include <cmath>

#include "compute/cpu/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/loss.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// logsumexp(row) - row[label]; d_row = (softmax(row) - onehot(label)) * scale, unless it is null.
double loss_row(float* d_row, const float* row, int64_t vocabulary, int32_t label, float scale) {
  const float most = row_maximum(row, vocabulary), own = row[label];  // d_row may be row
  const float sum = exponentials(d_row, row, vocabulary, most);
  if (d_row != nullptr) {
    const VF factor = set(scale / sum);
    for_vectors(vocabulary,
                [&](int64_t v, auto io) HWY_ATTR { io.store(hn::Mul(io.load(d_row + v), factor), d_row + v); });
    d_row[label] -= scale;
  }
  return static_cast<double>(most) - own + std::log(static_cast<double>(sum));
}

void softmax(float* row, int64_t count) { softmax_row(row, count); }

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(loss_row);
HWY_EXPORT(softmax);

double CpuBackend::do_vocabulary_loss(Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                                      float scale) {
  const int64_t rows = logits.dim[0], vocabulary = logits.dim[1];
  reserve(0, 2 * rows);
  auto* losses = reinterpret_cast<double*>(shared());
  for_each(rows, [&](int64_t r, int) {
    losses[r] = HWY_DYNAMIC_DISPATCH(loss_row)(d_logits ? d_logits.f32() + r * vocabulary : nullptr,
                                               logits.f32() + r * vocabulary, vocabulary,
                                               labels[static_cast<size_t>(r)], scale);
  });
  double loss = 0;
  for (int64_t r = 0; r < rows; ++r) loss += losses[r];
  return loss;
}

void CpuBackend::do_softmax_rows(Tensor logits) {
  for_each(logits.dim[0], [&](int64_t r, int) {
    HWY_DYNAMIC_DISPATCH(softmax)(logits.f32() + r * logits.dim[1], logits.dim[1]);
  });
}

}  // namespace tekio
#endif  // HWY_ONCE
