// Layer norm with its neighbours, specified. With u = x + dropout(branch) (or x), which is stored where the sum is
// wanted: h = (u - mean) / sqrt(var + eps), var biased; y = h w + b, then dropout where there is no branch. Backward,
// per row of width C with g = d_y w: d_u = rstd (g - mean(g) - h mean(g h)), plus what u's gradient has from elsewhere.
#include <cmath>
#include <vector>

#include "compute/ref/ref_backend.h"
#include "compute/walk.h"

namespace tekio {
namespace {

// body(row, dropout row, where the row begins in drop.kept): with sequences each row's; without, no dropout is on and
// neither matters.
template <typename Body>
void for_norm_rows(const Sequences* s, int64_t rows, int64_t width, const Body& body) {
  if (s != nullptr)
    for_rows(*s, 0, rows, [&](int64_t row, const RowPlace& at) { body(row, token_row(*s, at), at.token * width); });
  else
    for (int64_t row = 0; row < rows; ++row) body(row, DropoutRow{}, int64_t{0});
}

}  // namespace

void RefBackend::run(const verb::Norm& op) {
  const int64_t width = op.x.dim[1];
  const ConstNumbers from(op.x), added(op.branch);
  const Numbers total(op.sum), to(op.y), normalized(op.kept.normalized);
  std::vector<double> u(static_cast<size_t>(width));
  for_norm_rows(op.s, op.x.dim[0], width, [&](int64_t row, const DropoutRow& drop_row, int64_t decisions) {
    const int64_t start = row * width;
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < width; ++c) {
      double value = from[start + c];
      if (op.branch) value += added[start + c] * dropout_factor(op.drop, drop_row, c, decisions + c);
      u[static_cast<size_t>(c)] = value;
      mean += value / static_cast<double>(width);
    }
    for (const double value : u) variance += (value - mean) * (value - mean) / static_cast<double>(width);
    const double rstd = 1 / std::sqrt(variance + op.w.eps);
    op.kept.rstd.f32()[row] = static_cast<float>(rstd);
    for (int64_t c = 0; c < width; ++c) {
      const double h = (u[static_cast<size_t>(c)] - mean) * rstd;
      double value = h * op.w.weight.f32()[c] + (op.w.bias ? op.w.bias.f32()[c] : 0);
      if (op.sum) total.set(start + c, u[static_cast<size_t>(c)]);
      if (!op.branch) value *= dropout_factor(op.drop, drop_row, c, decisions + c);
      normalized.set(start + c, h);
      to.set(start + c, value);
    }
  });
}

void RefBackend::run(const verb::NormBackward& op) {
  const int64_t width = op.d_y.dim[1];
  const ConstNumbers from(op.d_y), h(ConstTensor(op.kept.normalized));
  const Numbers to(op.d_x), to_branch(op.d_branch);
  std::vector<double> d_out(static_cast<size_t>(width)), d_weight(d_out.size()), d_bias(d_out.size());
  for_norm_rows(op.s, op.d_y.dim[0], width, [&](int64_t row, const DropoutRow& drop_row, int64_t decisions) {
    const int64_t start = row * width;
    double mean_g = 0, mean_gh = 0;
    for (int64_t c = 0; c < width; ++c) {
      double& d = d_out[static_cast<size_t>(c)];
      d = from[start + c];
      if (!op.d_branch) d *= dropout_factor(op.drop, drop_row, c, decisions + c);
      d_weight[static_cast<size_t>(c)] += d * h[start + c];
      d_bias[static_cast<size_t>(c)] += d;
      d *= op.w.weight.f32()[c];
      mean_g += d / static_cast<double>(width);
      mean_gh += d * h[start + c] / static_cast<double>(width);
    }
    for (int64_t c = 0; c < width; ++c) {
      const double d_u = (d_out[static_cast<size_t>(c)] - mean_g - h[start + c] * mean_gh) * op.kept.rstd.f32()[row] +
                         (op.into == Into::add ? to[start + c] : 0);
      to.set(start + c, d_u);
      if (op.d_branch) to_branch.set(start + c, d_u * dropout_factor(op.drop, drop_row, c, decisions + c));
    }
  });
  for (int64_t c = 0; c < width; ++c) {
    op.d_w.weight.f32()[c] += static_cast<float>(d_weight[static_cast<size_t>(c)]);
    if (op.d_w.bias) op.d_w.bias.f32()[c] += static_cast<float>(d_bias[static_cast<size_t>(c)]);
  }
}

}  // namespace tekio
