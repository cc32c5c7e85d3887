// y = act(x w^T + b) and its gradients, specified.
#include <vector>

#include "compute/activation.h"
#include "compute/ref/ref.h"

namespace tekio {

void RefBackend::do_linear(Tensor y, Tensor kept, ConstTensor x, ConstTensor w, ConstTensor b, const Activation* act) {
  const int64_t n = x.dim[0], in = x.dim[1], out = w.dim[0];
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = b ? b.f32()[o] : 0;
      for (int64_t i = 0; i < in; ++i) sum += static_cast<double>(x.f32()[row * in + i]) * w.f32()[o * in + i];
      y.f32()[row * out + o] = static_cast<float>(act != nullptr ? activation_at(*act, sum).y : sum);
      if (kept) kept.f32()[row * out + o] = static_cast<float>(sum);
    }
  }
}

void RefBackend::do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, ConstTensor w,
                                    Into into) {
  const int64_t n = x.dim[0], in = x.dim[1], out = w.dim[0];
  std::vector<double> sums(static_cast<size_t>(in));
  if (d_x) {
    for (int64_t row = 0; row < n; ++row) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (int64_t o = 0; o < out; ++o) {
        const double g = d_y.f32()[row * out + o];
        for (int64_t i = 0; i < in; ++i) sums[static_cast<size_t>(i)] += g * w.f32()[o * in + i];
      }
      for (int64_t i = 0; i < in; ++i) {
        float& d = d_x.f32()[row * in + i];
        d = static_cast<float>(sums[static_cast<size_t>(i)] + (into == Into::add ? d : 0.0));
      }
    }
  }
  for (int64_t o = 0; o < out; ++o) {
    double d_bias = 0;
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int64_t row = 0; row < n; ++row) {
      const double g = d_y.f32()[row * out + o];
      d_bias += g;
      for (int64_t i = 0; i < in; ++i) sums[static_cast<size_t>(i)] += g * x.f32()[row * in + i];
    }
    for (int64_t i = 0; i < in; ++i) d_w.f32()[o * in + i] += static_cast<float>(sums[static_cast<size_t>(i)]);
    if (d_b) d_b.f32()[o] += static_cast<float>(d_bias);
  }
}

void RefBackend::do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) {
  for (int64_t i = 0; i < d_y.numel(); ++i)
    d_y.f32()[i] = static_cast<float>(d_y.f32()[i] * activation_at(act, kept.f32()[i]).slope);
}

}  // namespace tekio
