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

void RefBackend::run(const verb::CopyMatrices& op) {
  for (const auto& [to, from] : op.copies)
    for (int64_t i = 0; i < from.numel(); ++i) static_cast<bf16*>(to.data)[i] = bf16(from.f32()[i]);
}

void RefBackend::run(const verb::Linear& op) {
  const Tensor sums = op.act ? op.kept : op.y;
  const int64_t n = op.x.dim[0], in = op.w.columns, out = op.w.rows, wide = sums.dim[1];
  const ConstNumbers from(op.x), weights(op.w);
  const Numbers to(op.y), product(sums);
  for (int64_t row = 0; row < n; ++row)
    for (int64_t o = 0; o < out; ++o) {
      double sum = op.b ? op.b.f32()[o] : 0;
      for (int64_t i = 0; i < in; ++i) sum += from[row * in + i] * weights[o * in + i];
      product.set(row * wide + o, sum);
    }
  // Of what is kept, so that backward agrees.
  if (op.gated()) return gate(to, product, n, op.y.dim[1], *op.act);
  if (!op.act) return;
  for (int64_t i = 0; i < op.y.numel(); ++i) to.set(i, activation_at(*op.act, product[i]).y);
}

void RefBackend::run(const verb::LinearBackward& op) {
  const int64_t n = op.x.dim[0], in = op.w.columns, out = op.w.rows, wide = op.d_y.dim[1];
  const ConstNumbers from(op.x), weights(op.w), d_out(op.d_y);
  std::vector<double> sums(static_cast<size_t>(in));
  if (op.d_x) {
    const Numbers d_from(op.d_x);
    for (int64_t row = 0; row < n; ++row) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (int64_t o = 0; o < out; ++o) {
        const double g = d_out[row * wide + o];
        for (int64_t i = 0; i < in; ++i) sums[static_cast<size_t>(i)] += g * weights[o * in + i];
      }
      for (int64_t i = 0; i < in; ++i)
        d_from.set(row * in + i, sums[static_cast<size_t>(i)] + (op.into == Into::add ? d_from[row * in + i] : 0.0));
    }
  }
  for (int64_t o = 0; o < out; ++o) {
    double d_bias = 0;
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int64_t row = 0; row < n; ++row) {
      const double g = d_out[row * wide + o];
      d_bias += g;
      for (int64_t i = 0; i < in; ++i) sums[static_cast<size_t>(i)] += g * from[row * in + i];
    }
    for (int64_t i = 0; i < in; ++i) op.d_w.f32()[o * in + i] += static_cast<float>(sums[static_cast<size_t>(i)]);
    if (op.d_b) op.d_b.f32()[o] += static_cast<float>(d_bias);
  }
}

void RefBackend::run(const verb::ActivationBackward& op) {
  const Numbers d(op.d_y);
  const ConstNumbers before(op.kept);
  for (int64_t i = 0; i < op.d_y.numel(); ++i) d.set(i, d[i] * activation_at(op.act, before[i]).slope);
}

void RefBackend::run(const verb::ActivationLinearBackward& op) {
  const Numbers after(op.activated), d_before(op.d_kept);
  const ConstNumbers before(op.kept);
  if (!op.gated()) {
    for (int64_t i = 0; i < op.kept.numel(); ++i) after.set(i, activation_at(op.act, before[i]).y);
    run(verb::LinearBackward{op.d_kept, op.d_w, op.d_b, op.d_y, op.activated, op.w, Into::overwrite});
    run(verb::ActivationBackward{op.d_kept, op.kept, op.act});
    return;
  }
  const int64_t n = op.activated.dim[0], width = op.w.columns;
  gate(after, before, n, width, op.act);
  std::vector<char> memory(static_cast<size_t>(op.activated.bytes()));
  const Tensor d_activated(memory.data(), op.activated.dtype, {n, width});
  run(verb::LinearBackward{d_activated, op.d_w, op.d_b, op.d_y, op.activated, op.w, Into::overwrite});
  const Numbers d(d_activated);
  for (int64_t row = 0; row < n; ++row)
    for (int64_t c = 0; c < width; ++c) {
      const int64_t a = 2 * row * width + c, b = a + width;
      const auto [value, slope] = activation_at(op.act, before[a]);
      d_before.set(a, d[row * width + c] * before[b] * slope);
      d_before.set(b, d[row * width + c] * value);
    }
}

}  // namespace tekio
