// Layer norm with its neighbours, specified. With u = x + dropout(branch) (or x): h = (u - mean) / sqrt(var + eps), var
// biased; y = h w + b, then dropout where there is no branch. Backward, per row of width C with g = d_y w: d_u = rstd
// (g - mean(g) - h mean(g h)).
#include <cmath>
#include <vector>

#include "compute/ref/ref.h"
#include "compute/walk.h"

namespace tekio {
namespace {

// body(row, dropout row): with sequences every token's; without, no dropout is on and the row does not matter.
template <typename Body>
void for_rows(const Sequences* s, int64_t rows, const Body& body) {
  if (s != nullptr)
    for_tokens(*s, 0, rows, [&](int64_t row, int64_t k, int64_t place) { body(row, token_row(*s, k, place)); });
  else
    for (int64_t row = 0; row < rows; ++row) body(row, DropoutRow{});
}

}  // namespace

void RefBackend::do_norm(Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w, const Sequences* s,
                         const Dropout& drop) {
  const int64_t width = x.dim[1];
  std::vector<double> u(static_cast<size_t>(width));
  for_rows(s, x.dim[0], [&](int64_t row, const DropoutRow& drop_row) {
    const int64_t start = row * width;
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < width; ++c) {
      double value = x.f32()[start + c];
      if (branch) value += branch.f32()[start + c] * dropout_factor(drop, drop_row, c, start + c);
      u[static_cast<size_t>(c)] = value;
      mean += value / static_cast<double>(width);
    }
    for (const double value : u) variance += (value - mean) * (value - mean) / static_cast<double>(width);
    const double rstd = 1 / std::sqrt(variance + w.eps);
    kept.rstd.f32()[row] = static_cast<float>(rstd);
    for (int64_t c = 0; c < width; ++c) {
      const double h = (u[static_cast<size_t>(c)] - mean) * rstd;
      double value = h * w.weight.f32()[c] + w.bias.f32()[c];
      if (!branch) value *= dropout_factor(drop, drop_row, c, start + c);
      kept.normalized.f32()[start + c] = static_cast<float>(h);
      y.f32()[start + c] = static_cast<float>(value);
    }
  });
}

void RefBackend::do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept,
                                  NormWeights w, const Sequences* s, const Dropout& drop) {
  const int64_t width = d_y.dim[1];
  std::vector<double> d_out(static_cast<size_t>(width)), d_weight(d_out.size()), d_bias(d_out.size());
  for_rows(s, d_y.dim[0], [&](int64_t row, const DropoutRow& drop_row) {
    const int64_t start = row * width;
    const float* h = kept.normalized.f32() + start;
    double mean_g = 0, mean_gh = 0;
    for (int64_t c = 0; c < width; ++c) {
      double& d = d_out[static_cast<size_t>(c)];
      d = d_y.f32()[start + c];
      if (!d_branch) d *= dropout_factor(drop, drop_row, c, start + c);
      d_weight[static_cast<size_t>(c)] += d * h[c];
      d_bias[static_cast<size_t>(c)] += d;
      d *= w.weight.f32()[c];
      mean_g += d / static_cast<double>(width);
      mean_gh += d * h[c] / static_cast<double>(width);
    }
    for (int64_t c = 0; c < width; ++c) {
      const double d_u = (d_out[static_cast<size_t>(c)] - mean_g - h[c] * mean_gh) * kept.rstd.f32()[row];
      d_x.f32()[start + c] = static_cast<float>(d_u);
      if (d_branch) d_branch.f32()[start + c] = static_cast<float>(d_u * dropout_factor(drop, drop_row, c, start + c));
    }
  });
  for (int64_t c = 0; c < width; ++c) {
    d_w.weight.f32()[c] += static_cast<float>(d_weight[static_cast<size_t>(c)]);
    d_w.bias.f32()[c] += static_cast<float>(d_bias[static_cast<size_t>(c)]);
  }
}

}  // namespace tekio
