// Layer norm fused with its neighbours (dropout, residual): a row is read from memory once, its further passes find it
// in the first cache. Formulas: ref/norm.cc.
#include <cmath>

#include "compute/cpu/cpu.h"
#include "compute/walk.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/norm.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/vector-inl.h"

#ifndef TEKIO_COMPUTE_CPU_NORM_CC_
#define TEKIO_COMPUTE_CPU_NORM_CC_
namespace tekio {
// Pointers to one row; branch and factors may be null. With a branch, factors multiply it, else they multiply y.
struct NormRow {
  float *y, *normalized, *rstd;
  const float *x, *branch, *factors, *weight, *bias;
  int64_t width;
  float eps;
};
struct NormRowBackward {
  float *d_x, *d_branch, *d_weight, *d_bias;  // d_branch may be null; d_weight and d_bias accumulate
  const float *d_y, *normalized, *rstd, *factors, *weight;
  int64_t width;
};
}  // namespace tekio
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

void norm_row(const NormRow& row) {
  const auto width = static_cast<float>(row.width);
  VF sum = set(0), squares = set(0);
  for_vectors(row.width, [&](int64_t c, auto io) HWY_ATTR {
    VF u = io.load(row.x + c);
    if (row.branch != nullptr) {
      const VF branch = io.load(row.branch + c);
      u = hn::Add(u, row.factors != nullptr ? hn::Mul(branch, io.load(row.factors + c)) : branch);
    }
    io.store(u, row.normalized + c);  // for now
    sum = hn::Add(sum, u);
  });
  const VF mean = set(sum_of(sum) / width);
  for_vectors(row.width, [&](int64_t c, auto io) HWY_ATTR {
    const VF centred = io.zero_outside(hn::Sub(io.load(row.normalized + c), mean));
    squares = hn::MulAdd(centred, centred, squares);
  });
  *row.rstd = 1 / std::sqrt(sum_of(squares) / width + row.eps);
  const VF rstd = set(*row.rstd);
  for_vectors(row.width, [&](int64_t c, auto io) HWY_ATTR {
    const VF h = hn::Mul(hn::Sub(io.load(row.normalized + c), mean), rstd);
    VF y = hn::MulAdd(h, io.load(row.weight + c), io.load(row.bias + c));
    if (row.branch == nullptr && row.factors != nullptr) y = hn::Mul(y, io.load(row.factors + c));
    io.store(h, row.normalized + c);
    io.store(y, row.y + c);
  });
}

void norm_row_backward(const NormRowBackward& row) {
  const bool factors_on_y = row.d_branch == nullptr && row.factors != nullptr;
  VF sum_g = set(0), sum_gh = set(0);
  for_vectors(row.width, [&](int64_t c, auto io) HWY_ATTR {
    VF d = io.load(row.d_y + c);
    if (factors_on_y) d = hn::Mul(d, io.load(row.factors + c));
    const VF h = io.load(row.normalized + c), g = hn::Mul(d, io.load(row.weight + c));
    io.store(hn::MulAdd(d, h, io.load(row.d_weight + c)), row.d_weight + c);
    io.store(hn::Add(d, io.load(row.d_bias + c)), row.d_bias + c);
    sum_g = hn::Add(sum_g, g);
    sum_gh = hn::MulAdd(g, h, sum_gh);
  });
  const auto width = static_cast<float>(row.width);
  const VF mean_g = set(sum_of(sum_g) / width), mean_gh = set(sum_of(sum_gh) / width), rstd = set(*row.rstd);
  for_vectors(row.width,
              [&](int64_t c, auto io) HWY_ATTR {  // d_x and d_branch may lie on d_y: each number is read first
                VF d = io.load(row.d_y + c);
                if (factors_on_y) d = hn::Mul(d, io.load(row.factors + c));
                const VF h = io.load(row.normalized + c), g = hn::Mul(d, io.load(row.weight + c));
                const VF d_u = hn::Mul(rstd, hn::NegMulAdd(h, mean_gh, hn::Sub(g, mean_g)));
                io.store(d_u, row.d_x + c);
                if (row.d_branch != nullptr)
                  io.store(row.factors != nullptr ? hn::Mul(d_u, io.load(row.factors + c)) : d_u, row.d_branch + c);
              });
}

void row_factors(const Dropout& drop, const DropoutRow& row, const uint8_t* kept, int64_t count, float* out) {
  dropout_factors(drop, row, kept, count, out);
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(norm_row);
HWY_EXPORT(norm_row_backward);
HWY_EXPORT(row_factors);
namespace {

// body(row, factors of its dropout or null) for the rows [begin, end); `buffer` holds a row's factors.
template <typename Body>
void for_rows(const Sequences* s, const Dropout& drop, int64_t width, float* buffer, int64_t begin, int64_t end,
              const Body& body) {
  if (s == nullptr || !drop.on()) {
    for (int64_t row = begin; row < end; ++row) body(row, nullptr);
    return;
  }
  for_tokens(*s, begin, end, [&](int64_t row, int64_t k, int64_t place) {
    const uint8_t* kept = drop.kept != nullptr ? drop.kept + row * width : nullptr;
    HWY_DYNAMIC_DISPATCH(row_factors)(drop, token_row(*s, k, place), kept, width, buffer);
    body(row, buffer);
  });
}

}  // namespace

void CpuBackend::do_norm(Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w, const Sequences* s,
                         const Dropout& drop) {
  const int64_t width = x.dim[1];
  reserve(width + kFactorSlack);
  for_pieces(x.dim[0], 16, [&](int64_t begin, int64_t end, int worker) {
    for_rows(s, drop, width, own(worker), begin, end, [&](int64_t row, const float* factors) {
      const int64_t at = row * width;
      HWY_DYNAMIC_DISPATCH(norm_row)
      ({y.f32() + at, kept.normalized.f32() + at, kept.rstd.f32() + row, x.f32() + at,
        branch ? branch.f32() + at : nullptr, factors, w.weight.f32(), w.bias.f32(), width, w.eps});
    });
  });
}

void CpuBackend::do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept,
                                  NormWeights w, const Sequences* s, const Dropout& drop) {
  const int64_t n = d_y.dim[0], width = d_y.dim[1];
  const int64_t piece = std::max<int64_t>(16, (n + 63) / 64), pieces = (n + piece - 1) / piece;
  reserve(width + kFactorSlack, pieces * 2 * width);  // every piece sums its own gradients of weight and bias
  for_pieces(n, piece, [&](int64_t begin, int64_t end, int worker) {
    float* d_weight = shared() + begin / piece * 2 * width;
    std::fill_n(d_weight, 2 * width, 0.0f);
    for_rows(s, drop, width, own(worker), begin, end, [&](int64_t row, const float* factors) {
      const int64_t at = row * width;
      HWY_DYNAMIC_DISPATCH(norm_row_backward)
      ({d_x.f32() + at, d_branch ? d_branch.f32() + at : nullptr, d_weight, d_weight + width, d_y.f32() + at,
        kept.normalized.f32() + at, kept.rstd.f32() + row, factors, w.weight.f32(), width});
    });
  });
  for (int64_t c = 0; c < width; ++c) {
    float weight = 0, bias = 0;
    for (int64_t i = 0; i < pieces; ++i) {
      weight += shared()[i * 2 * width + c];
      bias += shared()[i * 2 * width + width + c];
    }
    d_w.weight.f32()[c] += weight;
    d_w.bias.f32()[c] += bias;
  }
}

}  // namespace tekio
#endif  // HWY_ONCE
