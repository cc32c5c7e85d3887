// How matrices get into strips for the bf16 kernels where there is AVX-512 BF16; elsewhere bf16_fma.cc packs. Where
// depths are rows, two rows are interleaved; where they lie along the rows, squares of 16 x 16 pairs are transposed in
// registers. Either way each cache line of a strip is written whole.
#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>

#include "compute/cpu/bf16_kernel.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
#define TEKIO_INLINE inline __attribute__((always_inline))

namespace tekio::kernels {
namespace {

constexpr int64_t kLanes = 16;

// The first `count` (none, if negative) of 16 or of 32 numbers.
TEKIO_INLINE __mmask16 first16(int64_t count) {
  return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, 16)) - 1);
}
TEKIO_INLINE __mmask32 first32(int64_t count) {
  return static_cast<__mmask32>((uint64_t{1} << std::clamp<int64_t>(count, 0, 32)) - 1);
}

// Two times 16 numbers, rounded: first `low`'s.
TEKIO_INLINE __m512i round_both(__m512 low, __m512 high) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

// 32 numbers of a row, those past `count` 0.
TEKIO_INLINE __m512i load_row(const bf16* from, int64_t count) {
  return _mm512_maskz_loadu_epi16(first32(count), from);
}
TEKIO_INLINE __m512i load_row(const float* from, int64_t count) {
  return round_both(_mm512_maskz_loadu_ps(first16(count), from), _mm512_maskz_loadu_ps(first16(count - 16), from + 16));
}

// Of two rows of 32 numbers: pairs of the first 16 columns, and of the others.
struct Pairs {
  __m512i low, high;
};
TEKIO_INLINE Pairs interleave(__m512i even, __m512i odd) {
  const __m512i evens = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37,
                                         5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i sixteen = _mm512_set1_epi16(16);
  return {_mm512_permutex2var_epi16(even, evens, odd),
          _mm512_permutex2var_epi16(even, _mm512_add_epi16(evens, sixteen), odd)};
}

TEKIO_INLINE void add_sums(float* sums, __mmask16 inside, __m512i pairs) {
  const auto ones = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3F80));
  const __m512 before = _mm512_maskz_loadu_ps(inside, sums);
  _mm512_mask_storeu_ps(sums, inside, _mm512_dpbf16_ps(before, reinterpret_cast<__m512bh>(pairs), ones));
}

// 32 columns of two rows; `columns` of them are there, and of the odd row none where `odd` is null.
template <bool kSums, bool kWhole, typename Number>
TEKIO_INLINE void pack_pair(std::byte* to, int64_t strip_bytes, const Number* even, const Number* odd, int64_t columns,
                            float* sums) {
  const int64_t count = kWhole ? 2 * kLanes : columns;
  const Pairs pairs = interleave(load_row(even, count), odd != nullptr ? load_row(odd, count) : _mm512_setzero_si512());
  _mm512_store_si512(to, pairs.low);
  if (kSums) add_sums(sums, first16(count), pairs.low);
  if (count <= kLanes) return;
  _mm512_store_si512(to + strip_bytes, pairs.high);
  if (kSums) add_sums(sums + kLanes, first16(count - kLanes), pairs.high);
}

template <bool kSums, typename Number>
void pack_rows_as(const Strips& to, const Number* from, int64_t stride, float* sums) {
  constexpr int64_t kAhead = 4;  // rows: a row's end is no reason to wait for the next one's beginning
  for (int64_t d = 0; d < to.depth; d += 2) {
    const Number* const even = from + d * stride;
    const Number* const odd = d + 1 < to.depth ? even + stride : nullptr;
    const int64_t ahead = d + kAhead + 1 < to.depth ? kAhead * stride : 0;
    std::byte* out = to.data + d / 2 * 64;
    int64_t c = 0;
    for (; odd != nullptr && c + 2 * kLanes <= to.columns; c += 2 * kLanes, out += 2 * to.strip_bytes) {
      _mm_prefetch(reinterpret_cast<const char*>(even + c + ahead), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(odd + c + ahead), _MM_HINT_T0);
      pack_pair<kSums, true>(out, to.strip_bytes, even + c, odd + c, 0, kSums ? sums + c : nullptr);
    }
    for (; c < to.columns; c += 2 * kLanes, out += 2 * to.strip_bytes)
      pack_pair<kSums, false>(out, to.strip_bytes, even + c, odd != nullptr ? odd + c : nullptr, to.columns - c,
                              kSums ? sums + c : nullptr);
  }
}

// 16 rows of 16 pairs become 16 rows of 16 columns.
TEKIO_INLINE void transpose(__m512i (&rows)[16]) {
  __m512i two[16], four[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    two[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    two[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    four[i] = _mm512_unpacklo_epi64(two[i], two[i + 2]);
    four[i + 1] = _mm512_unpackhi_epi64(two[i], two[i + 2]);
    four[i + 2] = _mm512_unpacklo_epi64(two[i + 1], two[i + 3]);
    four[i + 3] = _mm512_unpackhi_epi64(two[i + 1], two[i + 3]);
  }
  // four[4 g + j]: in each quarter q of the vector, column 4 q + j of the rows 4 g to 4 g + 3.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512i upper_even = _mm512_shuffle_i32x4(four[j], four[4 + j], 0x88);
    const __m512i upper_odd = _mm512_shuffle_i32x4(four[j], four[4 + j], 0xDD);
    const __m512i lower_even = _mm512_shuffle_i32x4(four[8 + j], four[12 + j], 0x88);
    const __m512i lower_odd = _mm512_shuffle_i32x4(four[8 + j], four[12 + j], 0xDD);
    rows[j] = _mm512_shuffle_i32x4(upper_even, lower_even, 0x88);
    rows[4 + j] = _mm512_shuffle_i32x4(upper_odd, lower_odd, 0x88);
    rows[8 + j] = _mm512_shuffle_i32x4(upper_even, lower_even, 0xDD);
    rows[12 + j] = _mm512_shuffle_i32x4(upper_odd, lower_odd, 0xDD);
  }
}

template <typename Number>
void pack_columns_as(const Strips& to, const Number* from, int64_t stride) {
  for (int64_t c = 0; c < to.columns; c += kLanes) {
    const int64_t columns = std::min(kLanes, to.columns - c);
    std::byte* const strip = to.data + c / kLanes * to.strip_bytes;
    for (int64_t d = 0; d < to.depth; d += 2 * kLanes) {
      const int64_t depths = to.depth - d;
      __m512i rows[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {  // rows past the last column: the last one, none of whose numbers is taken
        const int64_t row = c + std::min<int64_t>(i, columns - 1);
        rows[i] = load_row(from + row * stride + d, i < columns ? depths : 0);
      }
      transpose(rows);
      std::byte* const out = strip + d / 2 * 64;
      const int64_t pairs = std::min(kLanes, (depths + 1) / 2);
      if (pairs == kLanes) {
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) _mm512_store_si512(out + i * 64, rows[i]);
      } else {
        for (int i = 0; i < pairs; ++i) _mm512_store_si512(out + i * 64, rows[i]);
      }
    }
  }
}

// What is deeper than the matrix, up to a whole tile.
void clear_rest(const Strips& to) {
  const int64_t begin = (to.depth + 1) / 2, end = Strips::whole_tiles(to.depth) / 2;
  for (int64_t strip = 0; strip < to.count(); ++strip)
    for (int64_t line = begin; line < end; ++line)
      _mm512_store_si512(to.data + strip * to.strip_bytes + 64 * line, _mm512_setzero_si512());
}

// 16 columns of two rows of numbers as pairs.
TEKIO_INLINE __m512i load_pairs(const bf16* even, const bf16* odd, __mmask16 mask) {
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, even));
  if (odd == nullptr) return low;
  return _mm512_or_si512(low, _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, odd)), 16));
}

template <bool kSums>
void transpose_rows_as(bf16* to, const bf16* from, int64_t stride, int64_t depth, int64_t columns, float* sums) {
  const int64_t to_stride = Strips::whole_tiles(depth);
  for (int64_t d = 0; d < depth; d += kTileDepth)
    for (int64_t c = 0; c < columns; c += kLanes) {
      const __mmask16 mask = first16(columns - c);
      __m512i rows[16];
      __m512 sum = kSums ? _mm512_maskz_loadu_ps(mask, sums + c) : _mm512_setzero_ps();
      const auto ones = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3F80));
#pragma GCC unroll 16
      for (int p = 0; p < 16; ++p) {
        const int64_t row = d + 2 * p;
        const bf16* const even = from + row * stride + c;
        rows[p] =
            row < depth ? load_pairs(even, row + 1 < depth ? even + stride : nullptr, mask) : _mm512_setzero_si512();
        if (kSums) sum = _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(rows[p]), ones);
      }
      if (kSums) _mm512_mask_storeu_ps(sums + c, mask, sum);
      transpose(rows);
      const int64_t count = std::min(kLanes, columns - c);
      for (int64_t i = 0; i < count; ++i) _mm512_store_si512(to + (c + i) * to_stride + d, rows[i]);
    }
}

}  // namespace

void avx512::pack_rows(const Strips& to, const bf16* from, int64_t stride, float* sums) {
  clear_rest(to);
  if (sums != nullptr)
    pack_rows_as<true>(to, from, stride, sums);
  else
    pack_rows_as<false>(to, from, stride, nullptr);
}
void avx512::pack_rows(const Strips& to, const float* from, int64_t stride) {
  clear_rest(to);
  pack_rows_as<false>(to, from, stride, nullptr);
}
void avx512::pack_columns(const Strips& to, const bf16* from, int64_t stride) {
  clear_rest(to);
  pack_columns_as(to, from, stride);
}
void avx512::pack_columns(const Strips& to, const float* from, int64_t stride) {
  clear_rest(to);
  pack_columns_as(to, from, stride);
}
void transpose_rows(bf16* to, const bf16* from, int64_t stride, int64_t depth, int64_t columns, float* sums) {
  if (sums != nullptr)
    transpose_rows_as<true>(to, from, stride, depth, columns, sums);
  else
    transpose_rows_as<false>(to, from, stride, depth, columns, nullptr);
}

}  // namespace tekio::kernels
HWY_POP_ATTRIBUTES
