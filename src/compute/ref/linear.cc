// y = act(x w^T + b) and its gradients, specified. Gated: the product is two halves a and b, and y = act(a) b.
#include <algorithm>
#include <vector>

#include "compute/activation.h"
#include "compute/ref/ref_backend.h"

namespace tekio {
namespace {

// gated[n,I] = act(a) b from kept[n,2I].
void gate(const Numbers& gated, const ConstNumbers& kept, int64_t n, int64_t width, Activation act) {
  for (int64_t row = 0; row < n; ++row)
    for (int64_t c = 0; c < width; ++c) {
      const int64_t at = 2 * row * width + c;
      gated.set(row * width + c, activation_at(act, kept[at]).y * kept[at + width]);
    }
}

}  // namespace

void RefBackend::do_copy_matrices(std::span<const MatrixCopy> copies) {
  for (const auto& [to, from] : copies)
    for (int64_t i = 0; i < from.numel(); ++i) static_cast<bf16*>(to.data)[i] = bf16(from.f32()[i]);
}

void RefBackend::do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b,
                           const Activation* act) {
  const int64_t n = x.dim[0], in = w.columns, out = w.rows;
  const ConstNumbers from(x), weights(w);
  const Numbers to(y), product(act != nullptr ? kept : y);
  for (int64_t row = 0; row < n; ++row)
    for (int64_t o = 0; o < out; ++o) {
      double sum = b ? b.f32()[o] : 0;
      for (int64_t i = 0; i < in; ++i) sum += from[row * in + i] * weights[o * in + i];
      product.set(row * out + o, sum);
    }
  // Of what is kept, so that backward agrees.
  if (act != nullptr && y.dim[1] != out) return gate(to, product, n, y.dim[1], *act);
  if (act == nullptr) return;
  for (int64_t i = 0; i < y.numel(); ++i) to.set(i, activation_at(*act, product[i]).y);
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
  const Numbers after(activated), d_before(d_kept);
  const ConstNumbers before(kept);
  if (activated.same_shape(d_kept)) {
    for (int64_t i = 0; i < kept.numel(); ++i) after.set(i, activation_at(act, before[i]).y);
    do_linear_backward(d_kept, d_w, d_b, d_y, activated, w, Into::overwrite);
    do_activation_backward(d_kept, kept, act);
    return;
  }
  const int64_t n = activated.dim[0], width = w.columns;
  gate(after, before, n, width, act);
  std::vector<char> memory(static_cast<size_t>(activated.bytes()));
  const Tensor d_activated(memory.data(), activated.dtype, {n, width});
  do_linear_backward(d_activated, d_w, d_b, d_y, activated, w, Into::overwrite);
  const Numbers d(d_activated);
  for (int64_t row = 0; row < n; ++row)
    for (int64_t c = 0; c < width; ++c) {
      const int64_t a = 2 * row * width + c, b = a + width;
      const auto [value, slope] = activation_at(act, before[a]);
      d_before.set(a, d[row * width + c] * before[b] * slope);
      d_before.set(b, d[row * width + c] * value);
    }
}

}  // namespace tekio
