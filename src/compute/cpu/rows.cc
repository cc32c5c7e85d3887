// Ops on rows and flat pieces: gathering, zeroing, adding, the sum of squares.
#include <cstring>

#include "compute/adamw.h"
#include "compute/cpu/cpu_backend.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/rows.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// Squares of float32 are exact in float64, so only the sum rounds.
double sum_of_squares(const float* x, int64_t count) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
  int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const auto a = hn::PromoteTo(d, hn::LoadU(half, x + i)), b = hn::PromoteTo(d, hn::LoadU(half, x + i + lanes));
    sum0 = hn::MulAdd(a, a, sum0);
    sum1 = hn::MulAdd(b, b, sum1);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
  for (; i < count; ++i) sum += static_cast<double>(x[i]) * x[i];
  return sum;
}

// y += x
void add_row(void* y, const void* x, int64_t count, DType type) {
  with_numbers(type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    T* const to = static_cast<T*>(y);
    const T* const from = static_cast<const T*>(x);
    for_vectors(count,
                [&](int64_t c, auto io) HWY_ATTR { io.store(hn::Add(io.load(to + c), io.load(from + c)), to + c); });
  });
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(sum_of_squares);
HWY_EXPORT(add_row);

void CpuBackend::run(const verb::GatherRows& op) {
  for_pieces(op.y.dim[0], 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t row = op.rows[static_cast<size_t>(r)];
      std::memcpy(op.y.rows(r, r + 1).data, op.x.rows(row, row + 1).data,
                  static_cast<size_t>(op.y.bytes() / op.y.dim[0]));
    }
  });
}

void CpuBackend::run(const verb::GatherRowsBackward& op) {
  const int64_t width = op.d_x.dim[1];
  for_pieces(op.d_x.dim[0], 64, [&](int64_t begin, int64_t end, int) {
    if (op.into == Into::overwrite)
      std::memset(op.d_x.rows(begin, end).data, 0, static_cast<size_t>(op.d_x.rows(begin, end).bytes()));
    for (auto at = std::lower_bound(op.rows.begin(), op.rows.end(), begin); at != op.rows.end() && *at < end; ++at)
      HWY_DYNAMIC_DISPATCH(add_row)
    (op.d_x.rows(*at, *at + 1).data, op.d_y.rows(at - op.rows.begin(), at - op.rows.begin() + 1).data, width,
     op.d_x.dtype);
  });
}

void CpuBackend::run(const verb::Zero& op) {
  for_pieces(op.x.bytes(), 1 << 20, [&](int64_t begin, int64_t end, int) {
    std::memset(static_cast<char*>(op.x.data) + begin, 0, static_cast<size_t>(end - begin));
  });
}

void CpuBackend::run(const verb::Add& op) {
  for_pieces(op.y.numel(), 1 << 16, [&](int64_t begin, int64_t end, int) {
    HWY_DYNAMIC_DISPATCH(add_row)(op.y.f32() + begin, op.x.f32() + begin, end - begin, DType::f32);
  });
}

void CpuBackend::run(const verb::SquaredNorms& op) {
  for_pieces(op.x.numel(), kNormBlock, [&](int64_t begin, int64_t end, int) {
    op.sums.f64()[begin / kNormBlock] = HWY_DYNAMIC_DISPATCH(sum_of_squares)(op.x.f32() + begin, end - begin);
  });
}

void CpuBackend::run(const verb::Clip& op) {
  *reinterpret_cast<Clipping*>(op.clipping.f64()) = clipping_of(op.sums.f64(), op.sums.numel(), op.limit);
}

}  // namespace tekio
#endif  // HWY_ONCE
