// Products of bf16 by float32 multiply-adds, for processors without an instruction of bf16's own: AVX2 with FMA, and
// AVX-512 before BF16. A pair of bf16 numbers is one 32-bit word, and either half of it, the other cleared, is the
// number as a float32: so b's lines become float32 in registers, by a shift and by a mask. Rows of a, of which each
// number is multiplied with many columns, are widened into memory first, from where they are broadcast. A product of
// two bf16 numbers is exact in float32, and of each pair the second is added before the first, as vdpbf16ps does: with
// denormal numbers taken for 0 the sums have the bits that avx512's have.
#include <emmintrin.h>

#include <algorithm>

#include "base/error.h"
#include "compute/cpu/bf16_kernel.h"
#include "compute/cpu/even_pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/bf16_fma.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/vector-inl.h"

#ifndef TEKIO_COMPUTE_CPU_BF16_FMA_CC_
#define TEKIO_COMPUTE_CPU_BF16_FMA_CC_
namespace tekio::kernels::fma {
constexpr int64_t kLanes = 16;  // columns of a strip
constexpr int kMostRows = 6;    // by one strip in 12 vectors of AVX2's 16, by four in 24 of AVX-512's 32

// a's rows as the kernel reads them, float32: number (r, d) of a pair of depths lies at pair * next + r * row, and the
// one at (r, d + 1) `odd` behind it. All in numbers.
struct Widened {
  const float* data;
  int64_t row, next, odd;
};
// One call of the micro-kernel: some rows of a by some strips of b.
struct Tile {
  Widened a;
  const std::byte* b;
  int64_t b_strip, pairs, columns;
  Result c;
};
}  // namespace tekio::kernels::fma
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {
using kernels::Result;
using kernels::Strips;
using kernels::fma::kLanes;
using kernels::fma::kMostRows;
using kernels::fma::Tile;
using kernels::fma::Widened;

#if HWY_TARGET == HWY_AVX3
constexpr int kMostStrips = 4;
#else
constexpr int kMostStrips = 1;
#endif

// c's row of `columns` numbers from its sums.
template <typename T>
HWY_INLINE void store_row(const Result& c, int64_t row, const float* sums, int64_t columns) {
  T* const to = static_cast<T*>(c.data) + row * c.stride;
  for_vectors(columns, [&](int64_t i, auto io) HWY_ATTR {
    VF sum = hn::Add(io.load(sums + i), c.bias != nullptr ? io.load(c.bias + i) : hn::Zero(F()));
    if (c.add) sum = hn::Add(sum, io.load(to + i));
    io.store(sum, to + i);
  });
}
void store_rows_of_sums(const Result& c, const float* sums, int64_t stride, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r, sums += stride)
    c.type == DType::f32 ? store_row<float>(c, r, sums, columns) : store_row<bf16>(c, r, sums, columns);
}

template <int kRows, int kStrips>
void multiply_tile(const Tile& t) {
  constexpr int kLanesHere = static_cast<int>(hn::MaxLanes(F()));
  constexpr int kVectors = kStrips * static_cast<int>(kLanes) / kLanesHere;
  const Words words;
  const auto upper = hn::Set(words, 0xFFFF0000u);
  VF sums[kRows][kVectors];
  for (auto& row : sums)
    for (VF& sum : row) sum = hn::Zero(F());
  const float* a = t.a.data;
  const auto* b = reinterpret_cast<const uint32_t*>(t.b);
  const int64_t row = t.a.row, next = t.a.next, odd = t.a.odd, strip = t.b_strip / 4;
  for (int64_t pairs = t.pairs; pairs != 0; --pairs, a += next, b += kLanes) {
    VF line[kVectors];
    const auto at = [&](int v) HWY_ATTR { return b + v * kLanesHere / kLanes * strip + v * kLanesHere % kLanes; };
    HWY_UNROLL(16)
    for (int v = 0; v < kVectors; ++v) line[v] = hn::BitCast(F(), hn::And(hn::Load(words, at(v)), upper));
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      const VF number = set(a[r * row + odd]);
      HWY_UNROLL(16)
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(number, line[v], sums[r][v]);
    }
    HWY_UNROLL(16)
    for (int v = 0; v < kVectors; ++v) line[v] = hn::BitCast(F(), hn::ShiftLeft<16>(hn::Load(words, at(v))));
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      const VF number = set(a[r * row]);
      HWY_UNROLL(16)
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(number, line[v], sums[r][v]);
    }
  }
  HWY_ALIGN float rows[kRows * kStrips * kLanes];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) hn::Store(sums[r][v], F(), rows + (r * kVectors + v) * kLanesHere);
  store_rows_of_sums(t.c, rows, kStrips * kLanes, kRows, t.columns);
}

using Kernel = void (*)(const Tile&);
template <int kStrips>
constexpr Kernel kKernels[kMostRows] = {multiply_tile<1, kStrips>, multiply_tile<2, kStrips>,
                                        multiply_tile<3, kStrips>, multiply_tile<4, kStrips>,
                                        multiply_tile<5, kStrips>, multiply_tile<6, kStrips>};
HWY_INLINE Kernel kernel(int64_t rows, [[maybe_unused]] int64_t strips) {
#if HWY_TARGET == HWY_AVX3
  if (strips == 2) return kKernels<2>[rows - 1];
  if (strips == 3) return kKernels<3>[rows - 1];
  if (strips == 4) return kKernels<4>[rows - 1];
#endif
  return kKernels<1>[rows - 1];
}

// c = some widened rows of a by all of b.
void multiply_widened(const Result& c, const Widened& a, int64_t rows, const Strips& b) {
  for (const EvenPieces::Piece strips : EvenPieces(b.count(), kMostStrips)) {
    const int64_t column = strips.begin * kLanes;
    for (const EvenPieces::Piece some : EvenPieces(rows, kMostRows)) {
      const Result to{static_cast<std::byte*>(c.data) + (some.begin * c.stride + column) * size_of(c.type), c.stride,
                      c.type, c.bias != nullptr ? c.bias + column : nullptr, c.add};
      kernel(some.size, strips.size)({{a.data + some.begin * a.row, a.row, a.next, a.odd},
                                      b.data + strips.begin * b.strip_bytes,
                                      b.strip_bytes,
                                      (b.depth + 1) / 2,
                                      std::min(strips.size * kLanes, b.columns - column),
                                      to});
    }
  }
}

// Rows as they lie, `to_stride` apart; a last half of a pair gets a 0 beside it.
void widen_rows(float* to, int64_t to_stride, const bf16* from, int64_t stride, int64_t rows, int64_t depth) {
  for (int64_t r = 0; r < rows; ++r, to += to_stride, from += stride) {
    for_vectors(depth, [&](int64_t d, auto io) HWY_ATTR { io.store(io.load(from + d), to + d); });
    to[depth] = 0;
  }
}

// A strip: of each pair 16 numbers of even depth, then 16 of odd.
void widen_strip(float* to, const std::byte* from, int64_t pairs) {
  const Words words;
  const auto lanes = static_cast<int64_t>(hn::Lanes(words));
  const auto upper = hn::Set(words, 0xFFFF0000u);
  const auto* line = reinterpret_cast<const uint32_t*>(from);
  for (int64_t p = 0; p < pairs; ++p, line += kLanes, to += 2 * kLanes)
    for (int64_t i = 0; i < kLanes; i += lanes) {
      const auto pair = hn::Load(words, line + i);
      hn::Store(hn::BitCast(F(), hn::ShiftLeft<16>(pair)), F(), to + i);
      hn::Store(hn::BitCast(F(), hn::And(pair, upper)), F(), to + kLanes + i);
    }
}

// A number of bf16 as it is, a float32 rounded to one.
template <class Io>
HWY_INLINE VF load_rounded(Io io, const bf16* from) {
  return io.load(from);
}
template <class Io>
HWY_INLINE VF load_rounded(Io io, const float* from) {
  return widen(narrow(io.load(from)));
}

template <typename T>
HWY_INLINE void pack_rows_as(const Strips& to, const T* from, int64_t stride, float* sums) {
  const Words words;
  for (int64_t d = 0; d < to.depth; d += 2) {
    const T* const even = from + d * stride;
    const bool whole = d + 1 < to.depth;
    for (int64_t c = 0; c < to.columns; c += kLanes) {
      const int64_t columns = std::min(kLanes, to.columns - c);
      auto* const line = reinterpret_cast<uint32_t*>(to.data + c / kLanes * to.strip_bytes) + d / 2 * kLanes;
      for_vectors(columns, [&](int64_t i, auto io) HWY_ATTR {
        const VF low = load_rounded(io, even + c + i),
                 high = whole ? load_rounded(io, even + stride + c + i) : hn::Zero(F());
        const auto pair = hn::Or(hn::ShiftRight<16>(hn::BitCast(words, low)), hn::BitCast(words, high));
        io.store(hn::BitCast(F(), pair), reinterpret_cast<float*>(line) + i);
        if (sums != nullptr) io.store(hn::Add(hn::Add(io.load(sums + c + i), high), low), sums + c + i);
      });
    }
  }
}
void pack_rows_of_bf16(const Strips& to, const bf16* from, int64_t stride, float* sums) {
  pack_rows_as(to, from, stride, sums);
}
void pack_rows_of_floats(const Strips& to, const float* from, int64_t stride) {
  pack_rows_as(to, from, stride, nullptr);
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(store_rows_of_sums);
HWY_EXPORT(multiply_widened);
HWY_EXPORT(widen_rows);
HWY_EXPORT(widen_strip);
HWY_EXPORT(pack_rows_of_bf16);
HWY_EXPORT(pack_rows_of_floats);

namespace kernels {
using fma::kLanes;
namespace {

// Four pairs of a row of depths, in SSE2's vectors, which every x86-64 processor has.
__m128i load_pairs(const bf16* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
__m128i load_pairs(const float* from) {
  bf16 rounded[8];
  for (int i = 0; i < 8; ++i) rounded[i] = bf16(from[i]);
  return load_pairs(rounded);
}

// Four columns of four pairs, transposed.
template <typename T>
void pack_square(std::byte* to, const T* from, int64_t stride) {
  const __m128i a = load_pairs(from), b = load_pairs(from + stride), c = load_pairs(from + 2 * stride),
                d = load_pairs(from + 3 * stride);
  const __m128i ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d), more_ab = _mm_unpackhi_epi32(a, b),
                more_cd = _mm_unpackhi_epi32(c, d);
  const auto store = [&](int pair, __m128i numbers) {
    _mm_store_si128(reinterpret_cast<__m128i*>(to + 64 * pair), numbers);
  };
  store(0, _mm_unpacklo_epi64(ab, cd));
  store(1, _mm_unpackhi_epi64(ab, cd));
  store(2, _mm_unpacklo_epi64(more_ab, more_cd));
  store(3, _mm_unpackhi_epi64(more_ab, more_cd));
}

template <typename T>
void pack_columns_as(const Strips& to, const T* from, int64_t stride) {
  for (int64_t c = 0; c < to.columns; c += 4) {
    const bool square = c + 4 <= to.columns;
    std::byte* const strip = to.data + c / kLanes * to.strip_bytes + c % kLanes * 4;
    int64_t d = 0;
    for (; square && d + 8 <= to.depth; d += 8) pack_square(strip + d / 2 * 64, from + c * stride + d, stride);
    for (; d < to.depth; d += 2)
      for (int64_t i = 0; i < std::min<int64_t>(4, to.columns - c); ++i) {
        const T* const at = from + (c + i) * stride + d;
        const bf16 pair[2] = {bf16(at[0]), d + 1 < to.depth ? bf16(at[1]) : bf16()};
        __builtin_memcpy(strip + d / 2 * 64 + 4 * i, pair, sizeof pair);
      }
  }
}

// What is outside the matrix: columns of the last strip, and depths up to a whole tile.
void clear_rest(const Strips& to) {
  if (to.columns % kLanes != 0)
    std::fill_n(to.data + (to.count() - 1) * to.strip_bytes, Strips::whole_tiles(to.depth) / 2 * 64, std::byte());
  for (int64_t strip = 0; strip < to.count(); ++strip)
    std::fill(to.data + strip * to.strip_bytes + (to.depth + 1) / 2 * 64,
              to.data + strip * to.strip_bytes + Strips::whole_tiles(to.depth) / 2 * 64, std::byte());
}

}  // namespace

void fma::pack_rows(const Strips& to, const bf16* from, int64_t stride, float* sums) {
  clear_rest(to);
  HWY_DYNAMIC_DISPATCH(pack_rows_of_bf16)(to, from, stride, sums);
}
void fma::pack_rows(const Strips& to, const float* from, int64_t stride) {
  clear_rest(to);
  HWY_DYNAMIC_DISPATCH(pack_rows_of_floats)(to, from, stride);
}
void fma::pack_columns(const Strips& to, const bf16* from, int64_t stride) {
  clear_rest(to);
  pack_columns_as(to, from, stride);
}
void fma::pack_columns(const Strips& to, const float* from, int64_t stride) {
  clear_rest(to);
  pack_columns_as(to, from, stride);
}

void fma::store(const Result& c, const float* sums, int64_t stride, int64_t rows, int64_t columns) {
  HWY_DYNAMIC_DISPATCH(store_rows_of_sums)(c, sums, stride, rows, columns);
}

void fma::multiply(const Result& c, const bf16* a, int64_t a_stride, int64_t m, const Strips& b) {
  constexpr int64_t kDepth = 4096, kRows = 4 * kMostRows;  // widened rows stay in the second cache while b passes
  in_pieces(Instructions::fma, c, m, b.columns, b.depth, kDepth, [&](const Result& to, int64_t begin, int64_t depth) {
    const int64_t stride = (depth + 31) / 16 * 16 | 16;  // not a power of two
    auto* const wide = static_cast<float*>(scratch(Scratch::tiles, kRows * stride * size_of(DType::f32)));
    const Strips part = b.piece(begin, depth);
    for (int64_t row = 0; row < m; row += kRows) {
      const int64_t rows = std::min(kRows, m - row);
      HWY_DYNAMIC_DISPATCH(widen_rows)(wide, stride, a + row * a_stride + begin, a_stride, rows, depth);
      HWY_DYNAMIC_DISPATCH(multiply_widened)(to.from_row(row), {wide, stride, 2, 1}, rows, part);
    }
  });
}

void fma::multiply(const Result& c, const Strips& a, const Strips& b) {
  TEKIO_CHECK(a.depth == b.depth, "depths {} and {}", a.depth, b.depth);
  const int64_t pairs = (a.depth + 1) / 2;
  auto* const wide = static_cast<float*>(scratch(Scratch::tiles, 2 * kLanes * pairs * size_of(DType::f32)));
  for (int64_t row = 0; row < a.columns; row += kLanes) {
    HWY_DYNAMIC_DISPATCH(widen_strip)(wide, a.data + row / kLanes * a.strip_bytes, pairs);
    HWY_DYNAMIC_DISPATCH(multiply_widened)
    (c.from_row(row), {wide, 1, 2 * kLanes, kLanes}, std::min(kLanes, a.columns - row), b);
  }
}

}  // namespace kernels
}  // namespace tekio
#endif  // HWY_ONCE
