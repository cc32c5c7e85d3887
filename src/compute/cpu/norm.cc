// Layer norm fused with its neighbours (dropout, residual): a row is read from memory once, its further passes find it
// in the first cache. Formulas: ref/norm.cc.
#include <cmath>

#include "compute/cpu/cpu_backend.h"
#include "compute/walk.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/norm.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/vector-inl.h"

#ifndef TEKIO_COMPUTE_CPU_NORM_CC_
#define TEKIO_COMPUTE_CPU_NORM_CC_
namespace tekio {
// Pointers to one row, of `type` where void; sum, branch, factors and bias may be null. With a branch, factors multiply
// it, else they multiply y. `u` is room for a row.
struct NormRow {
  void *sum, *y, *normalized;
  float *rstd, *u;
  const void *x, *branch;
  const float *factors, *weight, *bias;
  int64_t width;
  float eps;
  DType type;
};
struct NormRowBackward {
  void *d_x, *d_branch;      // d_branch may be null
  float *d_weight, *d_bias;  // accumulate
  const void *d_y, *normalized;
  const float *rstd, *factors, *weight;
  int64_t width;
  bool add;  // to what d_x has
  DType type;
};
}  // namespace tekio
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

template <typename T>
HWY_INLINE void norm_row_of(const NormRow& row) {
  const T *const x = static_cast<const T*>(row.x), *const branch = static_cast<const T*>(row.branch);
  T *const total = static_cast<T*>(row.sum), *const y = static_cast<T*>(row.y);
  T* const normalized = static_cast<T*>(row.normalized);
  const auto width = static_cast<float>(row.width);
  VF sum = set(0), squares = set(0);
  for_vectors(row.width, [&](int64_t c, auto io) HWY_ATTR {
    VF u = io.load(x + c);
    if (branch != nullptr) {
      const VF added = io.load(branch + c);
      u = hn::Add(u, row.factors != nullptr ? hn::Mul(added, io.load(row.factors + c)) : added);
    }
    io.store(u, row.u + c);
    if (total != nullptr) io.store(u, total + c);
    sum = hn::Add(sum, u);
  });
  const VF mean = set(sum_of(sum) / width);
  for_vectors(row.width, [&](int64_t c, auto io) HWY_ATTR {
    const VF centred = io.zero_outside(hn::Sub(io.load(row.u + c), mean));
    squares = hn::MulAdd(centred, centred, squares);
  });
  *row.rstd = 1 / std::sqrt(sum_of(squares) / width + row.eps);
  const VF rstd = set(*row.rstd);
  for_vectors(row.width, [&](int64_t c, auto io) HWY_ATTR {
    const VF h = hn::Mul(hn::Sub(io.load(row.u + c), mean), rstd);
    VF out = hn::MulAdd(h, io.load(row.weight + c), row.bias != nullptr ? io.load(row.bias + c) : set(0));
    if (branch == nullptr && row.factors != nullptr) out = hn::Mul(out, io.load(row.factors + c));
    io.store(h, normalized + c);
    io.store(out, y + c);
  });
}

void norm_row(const NormRow& row) {
  with_numbers(row.type, [&](auto kind) HWY_ATTR { norm_row_of<decltype(kind)>(row); });
}

template <typename T>
HWY_INLINE void norm_row_backward_of(const NormRowBackward& row) {
  const T *const d_y = static_cast<const T*>(row.d_y), *const normalized = static_cast<const T*>(row.normalized);
  T *const d_x = static_cast<T*>(row.d_x), *const d_branch = static_cast<T*>(row.d_branch);
  const bool factors_on_y = d_branch == nullptr && row.factors != nullptr;
  VF sum_g = set(0), sum_gh = set(0);
  for_vectors(row.width, [&](int64_t c, auto io) HWY_ATTR {
    VF d = io.load(d_y + c);
    if (factors_on_y) d = hn::Mul(d, io.load(row.factors + c));
    const VF h = io.load(normalized + c), g = hn::Mul(d, io.load(row.weight + c));
    io.store(hn::MulAdd(d, h, io.load(row.d_weight + c)), row.d_weight + c);
    io.store(hn::Add(d, io.load(row.d_bias + c)), row.d_bias + c);
    sum_g = hn::Add(sum_g, g);
    sum_gh = hn::MulAdd(g, h, sum_gh);
  });
  const auto width = static_cast<float>(row.width);
  const VF mean_g = set(sum_of(sum_g) / width), mean_gh = set(sum_of(sum_gh) / width), rstd = set(*row.rstd);
  for_vectors(row.width,
              [&](int64_t c, auto io) HWY_ATTR {  // d_x and d_branch may lie on d_y: each number is read first
                VF d = io.load(d_y + c);
                if (factors_on_y) d = hn::Mul(d, io.load(row.factors + c));
                const VF h = io.load(normalized + c), g = hn::Mul(d, io.load(row.weight + c));
                VF d_u = hn::Mul(rstd, hn::NegMulAdd(h, mean_gh, hn::Sub(g, mean_g)));
                if (row.add) d_u = hn::Add(io.load(d_x + c), d_u);
                io.store(d_u, d_x + c);
                if (d_branch != nullptr)
                  io.store(row.factors != nullptr ? hn::Mul(d_u, io.load(row.factors + c)) : d_u, d_branch + c);
              });
}

void norm_row_backward(const NormRowBackward& row) {
  with_numbers(row.type, [&](auto kind) HWY_ATTR { norm_row_backward_of<decltype(kind)>(row); });
}

void row_factors(const Dropout& drop, const DropoutRow& row, const uint8_t* kept, int64_t count, float* out) {
  DropoutFactors(drop).fill(row, kept, count, out);
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
void for_norm_rows(const Sequences* s, const Dropout& drop, int64_t width, float* buffer, int64_t begin, int64_t end,
                   const Body& body) {
  if (s == nullptr || !drop.on()) {
    for (int64_t row = begin; row < end; ++row) body(row, nullptr);
    return;
  }
  for_rows(*s, begin, end, [&](int64_t row, const RowPlace& at) {
    const uint8_t* kept = drop.kept != nullptr ? drop.kept + at.token * width : nullptr;
    HWY_DYNAMIC_DISPATCH(row_factors)(drop, token_row(*s, at), kept, width, buffer);
    body(row, buffer);
  });
}

// A row of a matrix; of an absent one, null.
template <typename Void>
Void* row_of(const BasicTensor<Void>& t, int64_t row) {
  return t ? t.rows(row, row + 1).data : nullptr;
}

}  // namespace

void CpuBackend::run(const verb::Norm& op) {
  const int64_t width = op.x.dim[1];
  reserve(2 * width + kFactorSlack);
  for_pieces(op.x.dim[0], 16, [&](int64_t begin, int64_t end, int worker) {
    float *const u = scratch_of(worker), *const buffer = u + width;
    for_norm_rows(op.s, op.drop, width, buffer, begin, end, [&](int64_t row, const float* factors) {
      HWY_DYNAMIC_DISPATCH(norm_row)
      ({row_of(op.sum, row), row_of(op.y, row), row_of(op.kept.normalized, row), op.kept.rstd.f32() + row, u,
        row_of(op.x, row), row_of(op.branch, row), factors, op.w.weight.f32(), op.w.bias ? op.w.bias.f32() : nullptr,
        width, op.w.eps, op.x.dtype});
    });
  });
}

void CpuBackend::run(const verb::NormBackward& op) {
  const int64_t n = op.d_y.dim[0], width = op.d_y.dim[1];
  const int64_t piece = std::max<int64_t>(16, (n + 63) / 64), pieces = (n + piece - 1) / piece;
  reserve(width + kFactorSlack, pieces * 2 * width);  // every piece sums its own gradients of weight and bias
  for_pieces(n, piece, [&](int64_t begin, int64_t end, int worker) {
    float* d_weight = shared() + begin / piece * 2 * width;
    std::fill_n(d_weight, 2 * width, 0.0f);
    for_norm_rows(op.s, op.drop, width, scratch_of(worker), begin, end, [&](int64_t row, const float* factors) {
      HWY_DYNAMIC_DISPATCH(norm_row_backward)
      ({row_of(op.d_x, row), row_of(op.d_branch, row), d_weight, d_weight + width, row_of(op.d_y, row),
        row_of(op.kept.normalized, row), op.kept.rstd.f32() + row, factors, op.w.weight.f32(), width,
        op.into == Into::add, op.d_y.dtype});
    });
  });
  const FlushDenormals flush;
  for (int64_t c = 0; c < width; ++c) {
    float weight = 0, bias = 0;
    for (int64_t i = 0; i < pieces; ++i) {
      weight += shared()[i * 2 * width + c];
      bias += shared()[i * 2 * width + width + c];
    }
    op.d_w.weight.f32()[c] += weight;
    if (op.d_w.bias) op.d_w.bias.f32()[c] += bias;
  }
}

}  // namespace tekio
#endif  // HWY_ONCE
