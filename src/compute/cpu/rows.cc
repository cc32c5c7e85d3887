// Ops on rows and flat pieces: gathering, zeroing, the sum of squares.
#include <cstring>

#include "compute/cpu/cpu.h"

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

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(sum_of_squares);

void CpuBackend::do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) {
  const int64_t width = x.dim[1];
  for_pieces(y.dim[0], 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      std::copy_n(x.f32() + rows[static_cast<size_t>(r)] * width, width, y.f32() + r * width);
  });
}

void CpuBackend::do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows) {
  const int64_t width = d_x.dim[1];
  for_pieces(d_x.dim[0], 64, [&](int64_t begin, int64_t end, int) {
    auto next = std::lower_bound(rows.begin(), rows.end(), begin);  // rows ascend
    for (int64_t row = begin; row < end; ++row) {
      if (next != rows.end() && *next == row)
        std::copy_n(d_y.f32() + (next++ - rows.begin()) * width, width, d_x.f32() + row * width);
      else
        std::fill_n(d_x.f32() + row * width, width, 0.0f);
    }
  });
}

void CpuBackend::do_zero(Tensor x) {
  for_pieces(x.numel(), 1 << 18,
             [&](int64_t begin, int64_t end, int) { std::fill_n(x.f32() + begin, end - begin, 0.0f); });
}

double CpuBackend::do_squared_norm(ConstTensor x) {
  constexpr int64_t kPiece = 1 << 16;
  const int64_t pieces = (x.numel() + kPiece - 1) / kPiece;
  reserve(0, 2 * pieces);
  auto* sums = reinterpret_cast<double*>(shared());
  for_pieces(x.numel(), kPiece, [&](int64_t begin, int64_t end, int) {
    sums[begin / kPiece] = HWY_DYNAMIC_DISPATCH(sum_of_squares)(x.f32() + begin, end - begin);
  });
  double sum = 0;
  for (int64_t i = 0; i < pieces; ++i) sum += sums[i];
  return sum;
}

}  // namespace tekio
#endif  // HWY_ONCE
