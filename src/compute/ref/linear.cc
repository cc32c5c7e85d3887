// y = act(x w^T + b) and its gradients, specified.
#include <algorithm>
#include <vector>

#include "compute/activation.h"
#include "compute/ref/ref_backend.h"

namespace tekio {

void RefBackend::do_copy_matrices(std::span<const MatrixCopy> copies) {
  for (const auto& [to, from] : copies)
    for (int64_t i = 0; i < from.numel(); ++i) static_cast<bf16*>(to.data)[i] = bf16(from.f32()[i]);
}

void RefBackend::do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b,
                           const Activation* act) {
  const int64_t n = x.dim[0], in = w.columns, out = w.rows;
  const ConstNumbers from(x), weights(w);
  const Numbers to(y), before(kept);
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = b ? b.f32()[o] : 0;
      for (int64_t i = 0; i < in; ++i) sum += from[row * in + i] * weights[o * in + i];
      to.set(row * out + o, sum);
      if (act == nullptr) continue;
      before.set(row * out + o, sum);
      to.set(row * out + o, activation_at(*act, before[row * out + o]).y);  // of what is kept, so that backward agrees
    }
  }
}

void RefBackend::do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                                    Into into) {
  const int64_t n = x.dim[0], in = w.columns, out = w.rows;
  const ConstNumbers from(x), weights(w), d_out(d_y);
  std::vector<double> sums(static_cast<size_t>(in));
  if (d_x) {
    const Numbers d_from(d_x);
    for (int64_t row = 0; row < n; ++row) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (int64_t o = 0; o < out; ++o) {
        const double g = d_out[row * out + o];
        for (int64_t i = 0; i < in; ++i) sums[static_cast<size_t>(i)] += g * weights[o * in + i];
      }
      for (int64_t i = 0; i < in; ++i)
        d_from.set(row * in + i, sums[static_cast<size_t>(i)] + (into == Into::add ? d_from[row * in + i] : 0.0));
    }
  }
  for (int64_t o = 0; o < out; ++o) {
    double d_bias = 0;
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int64_t row = 0; row < n; ++row) {
      const double g = d_out[row * out + o];
      d_bias += g;
      for (int64_t i = 0; i < in; ++i) sums[static_cast<size_t>(i)] += g * from[row * in + i];
    }
    for (int64_t i = 0; i < in; ++i) d_w.f32()[o * in + i] += static_cast<float>(sums[static_cast<size_t>(i)]);
    if (d_b) d_b.f32()[o] += static_cast<float>(d_bias);
  }
}

void RefBackend::do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) {
  const Numbers d(d_y);
  const ConstNumbers before(kept);
  for (int64_t i = 0; i < d_y.numel(); ++i) d.set(i, d[i] * activation_at(act, before[i]).slope);
}

void RefBackend::do_activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                               ConstTensor kept, const Matrix& w, Activation act) {
  const Numbers after(activated);
  const ConstNumbers before(kept);
  for (int64_t i = 0; i < kept.numel(); ++i) after.set(i, activation_at(act, before[i]).y);
  do_linear_backward(d_kept, d_w, d_b, d_y, activated, w, Into::overwrite);
  do_activation_backward(d_kept, kept, act);
}

}  // namespace tekio
