#include "compute/cpu/f32_kernel.h"

#include <emmintrin.h>

#include <algorithm>

#include "compute/cpu/even_pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/f32_kernel.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {
using kernels::FloatRows;
using kernels::FloatStrips;

constexpr int kMostRows = 6;  // by four strips in 24 vectors of AVX-512's 32, by one in 12 of AVX2's 16
#if HWY_TARGET == HWY_AVX3
constexpr int kMostStrips = 4;
#else
constexpr int kMostStrips = 1;
#endif

// One call of the micro-kernel: some rows of a by some strips of b.
struct FloatTile {
  FloatRows a;
  const float* b;
  int64_t b_stride, depth, columns;
  float* c;
  int64_t c_stride;
  bool add;
};

template <int kRows, int kStrips>
void multiply_float_tile(const FloatTile& t) {
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(F())), kWidth = static_cast<int>(FloatStrips::kWidth);
  constexpr int kVectors = kStrips * kWidth / kLanes;
  VF sums[kRows][kVectors];
  HWY_UNROLL(6)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(16)
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(F());
  }
  const float *a = t.a.data, *b = t.b;
  const int64_t row = t.a.row, deep = t.a.deep, stride = t.b_stride;
  for (int64_t depth = t.depth; depth != 0; --depth, a += deep, b += kWidth) {
    VF line[kVectors];
    HWY_UNROLL(16)
    for (int v = 0; v < kVectors; ++v) line[v] = hn::Load(F(), b + v * kLanes / kWidth * stride + v * kLanes % kWidth);
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      const VF number = set(a[r * row]);
      HWY_UNROLL(16)
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(number, line[v], sums[r][v]);
    }
  }
  if (t.columns == kStrips * kWidth) {
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      float* const c = t.c + r * t.c_stride;
      HWY_UNROLL(16)
      for (int v = 0; v < kVectors; ++v)
        hn::StoreU(t.add ? hn::Add(sums[r][v], hn::LoadU(F(), c + v * kLanes)) : sums[r][v], F(), c + v * kLanes);
    }
    return;
  }
  HWY_ALIGN float rows[kRows * kStrips * kWidth];
  HWY_UNROLL(6)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(16)
    for (int v = 0; v < kVectors; ++v) hn::Store(sums[r][v], F(), rows + (r * kVectors + v) * kLanes);
  }
  for (int r = 0; r < kRows; ++r) {
    float* const c = t.c + r * t.c_stride;
    for_vectors(t.columns, [&](int64_t i, auto io) HWY_ATTR {
      const VF sum = io.load(rows + r * kStrips * kWidth + i);
      io.store(t.add ? hn::Add(sum, io.load(c + i)) : sum, c + i);
    });
  }
}

using FloatKernel = void (*)(const FloatTile&);
template <int kStrips>
constexpr FloatKernel kFloatKernels[kMostRows] = {multiply_float_tile<1, kStrips>, multiply_float_tile<2, kStrips>,
                                                  multiply_float_tile<3, kStrips>, multiply_float_tile<4, kStrips>,
                                                  multiply_float_tile<5, kStrips>, multiply_float_tile<6, kStrips>};
HWY_INLINE FloatKernel float_kernel(int64_t rows, [[maybe_unused]] int64_t strips) {
#if HWY_TARGET == HWY_AVX3
  if (strips == 2) return kFloatKernels<2>[rows - 1];
  if (strips == 3) return kFloatKernels<3>[rows - 1];
  if (strips == 4) return kFloatKernels<4>[rows - 1];
#endif
  return kFloatKernels<1>[rows - 1];
}

void multiply_floats(float* c, int64_t c_stride, const FloatRows& a, int64_t m, const FloatStrips& b, bool add) {
  for (const EvenPieces::Piece strips : EvenPieces(b.count(), kMostStrips)) {
    const int64_t column = strips.begin * FloatStrips::kWidth;
    for (const EvenPieces::Piece rows : EvenPieces(m, kMostRows))
      float_kernel(rows.size, strips.size)({{a.data + rows.begin * a.row, a.row, a.deep},
                                            b.data + strips.begin * b.stride,
                                            b.stride,
                                            b.depth,
                                            std::min(strips.size * FloatStrips::kWidth, b.columns - column),
                                            c + rows.begin * c_stride + column,
                                            c_stride,
                                            add});
  }
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(multiply_floats);

namespace kernels {

void pack_rows(const FloatStrips& to, const float* from, int64_t stride) {
  for (int64_t c = 0; c < to.columns; c += FloatStrips::kWidth) {
    float* line = to.data + c / FloatStrips::kWidth * to.stride;
    const int64_t columns = std::min(FloatStrips::kWidth, to.columns - c);
    for (int64_t d = 0; d < to.depth; ++d, line += FloatStrips::kWidth) {
      const float* const row = from + d * stride + c;
      if (columns == FloatStrips::kWidth)
        __builtin_memcpy(line, row, FloatStrips::kWidth * sizeof(float));  // in place of a call for so little
      else
        std::fill(std::copy_n(row, columns, line), line + FloatStrips::kWidth, 0.0f);
    }
  }
}

void pack_columns(const FloatStrips& to, const float* from, int64_t stride) {
  for (int64_t c = 0; c < to.columns; c += 4) {
    float* const lines = to.data + c / FloatStrips::kWidth * to.stride + c % FloatStrips::kWidth;
    const float* const columns = from + c * stride;
    int64_t d = 0;
    for (; c + 4 <= to.columns && d + 4 <= to.depth; d += 4) {  // squares, in vectors that every x86-64 processor has
      __m128 one = _mm_loadu_ps(columns + d), two = _mm_loadu_ps(columns + stride + d),
             three = _mm_loadu_ps(columns + 2 * stride + d), four = _mm_loadu_ps(columns + 3 * stride + d);
      _MM_TRANSPOSE4_PS(one, two, three, four);
      float* const line = lines + d * FloatStrips::kWidth;
      _mm_store_ps(line, one);
      _mm_store_ps(line + FloatStrips::kWidth, two);
      _mm_store_ps(line + 2 * FloatStrips::kWidth, three);
      _mm_store_ps(line + 3 * FloatStrips::kWidth, four);
    }
    for (; d < to.depth; ++d)
      for (int64_t i = 0; i < 4; ++i)
        lines[d * FloatStrips::kWidth + i] = c + i < to.columns ? columns[i * stride + d] : 0.0f;
  }
  const int64_t rest = (to.columns + 3) / 4 * 4 % FloatStrips::kWidth;  // of the last strip, without a column
  if (rest == 0) return;
  float* const last = to.data + (to.count() - 1) * to.stride;
  for (int64_t d = 0; d < to.depth; ++d)
    std::fill(last + d * FloatStrips::kWidth + rest, last + (d + 1) * FloatStrips::kWidth, 0.0f);
}

void multiply(float* c, int64_t c_stride, const FloatRows& a, int64_t m, const FloatStrips& b, bool add) {
  constexpr int64_t kDepth = 384;
  const int64_t pieces = (b.depth + kDepth - 1) / kDepth, size = (b.depth + pieces - 1) / pieces;
  for (int64_t begin = 0; begin < b.depth; begin += size) HWY_DYNAMIC_DISPATCH(multiply_floats)
  (c, c_stride, {a.data + begin * a.deep, a.row, a.deep}, m, b.piece(begin, std::min(size, b.depth - begin)),
   add || begin > 0);
}

}  // namespace kernels
}  // namespace tekio
#endif  // HWY_ONCE
