// The instruction vdpbf16ps takes two pairs of bf16 to one float32 sum in each of 16 lanes. A core of Zen 5 begins two
// of them a cycle, so that what counts is to keep its operands near: a panel of b, 64 columns x 256 depths, is 32 KiB
// of the first cache's 48, and each line of it meets 6 rows of a. Highway 1.0.3 has no word for the instruction, hence
// intrinsics.
#include "compute/cpu/bf16_kernel.h"

#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>

#include "base/error.h"
#include "compute/cpu/even_pieces.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,prfchw")
#define TEKIO_INLINE inline __attribute__((always_inline))

namespace tekio::kernels {
using avx512::Soon;
namespace {

constexpr int64_t kLanes = 16;
constexpr int kMostRows = 6, kMostStrips = 4;  // 24 sums, 4 vectors of b, and one of a

__mmask16 first16(int64_t count) { return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, kLanes)) - 1); }

// One call of the micro-kernel: some rows of a by a panel of b.
struct Tile {
  const std::byte* a;
  int64_t a_row;  // bytes from a row to the next, where a is no strip
  bool odd;       // a's row ends with half a pair; never where a is a strip
  const std::byte* b;
  int64_t b_strip, pairs;  // whole pairs
  std::byte* c;
  int64_t c_row;      // bytes
  const float* bias;  // or null
  bool add;
  __mmask16 last;  // columns of the last strip
};

template <int kRows, int kStrips>
TEKIO_INLINE void accumulate(__m512 (&sums)[kRows][kStrips], const __m512i (&b)[kStrips], int row, int32_t pair) {
  const auto a = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
#pragma GCC unroll 6
  for (int s = 0; s < kStrips; ++s) sums[row][s] = _mm512_dpbf16_ps(sums[row][s], a, reinterpret_cast<__m512bh>(b[s]));
}

template <int kStrips>
TEKIO_INLINE void load(__m512i (&b)[kStrips], const std::byte* from, int64_t strip_bytes) {
#pragma GCC unroll 6
  for (int s = 0; s < kStrips; ++s) b[s] = _mm512_load_si512(from + s * strip_bytes);
}

template <typename Number>
TEKIO_INLINE Number read(const std::byte* from) {
  Number number;
  __builtin_memcpy(&number, from, sizeof number);
  return number;
}

TEKIO_INLINE __m512 load_numbers(__mmask16 mask, const float* from) { return _mm512_maskz_loadu_ps(mask, from); }
TEKIO_INLINE __m512 load_numbers(__mmask16 mask, const bf16* from) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from)), 16));
}
TEKIO_INLINE void store_numbers(float* to, __mmask16 mask, __m512 numbers) { _mm512_mask_storeu_ps(to, mask, numbers); }
TEKIO_INLINE void store_numbers(bf16* to, __mmask16 mask, __m512 numbers) {
  _mm256_mask_storeu_epi16(to, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(numbers)));
}

// Two vectors, side by side.
TEKIO_INLINE void store_numbers(float* to, __mmask16 low, __mmask16 high, __m512 numbers, __m512 more) {
  store_numbers(to, low, numbers);
  store_numbers(to + kLanes, high, more);
}
TEKIO_INLINE void store_numbers(bf16* to, __mmask16 low, __mmask16 high, __m512 numbers, __m512 more) {
  const auto both = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(more, numbers));
  if (high == 0xFFFF)
    _mm512_storeu_si512(to, both);
  else
    _mm512_mask_storeu_epi16(to, static_cast<__mmask32>(high) << 16 | low, both);
}

template <int kRows, int kStrips, bool kStripOfA, typename Number>
void compute_tile(const Tile& t) {
  __m512 sums[kRows][kStrips];
  __m512i b[kStrips];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 6
    for (int s = 0; s < kStrips; ++s) sums[r][s] = _mm512_setzero_ps();
  // The result's lines come while the sums run: to be read, where they are added to, else to be owned and written.
  constexpr int kLines = kStrips * static_cast<int>(sizeof(Number)) / 4;
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 6
    for (int line = 0; line < kLines; ++line)
      __builtin_prefetch(t.c + r * t.c_row + 64 * line, sizeof(Number) == 2 ? 1 : 0);
  const int64_t row = kStripOfA ? 4 : t.a_row, next = kStripOfA ? 64 : 4, b_strip = t.b_strip;
  const std::byte *a_at = t.a, *b_at = t.b;
  for (int64_t pairs = t.pairs; pairs != 0; --pairs, a_at += next, b_at += 64) {
    load(b, b_at, b_strip);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) accumulate(sums, b, r, read<int32_t>(a_at + r * row));
  }
  if (!kStripOfA && t.odd) {
    load(b, b_at, b_strip);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) accumulate(sums, b, r, read<uint16_t>(a_at + r * row));
  }
#pragma GCC unroll 6
  for (int s = 0; s < kStrips; ++s) {
    const __mmask16 mask = s + 1 < kStrips ? 0xFFFF : t.last;
    const __m512 bias = t.bias != nullptr ? _mm512_maskz_loadu_ps(mask, t.bias + s * kLanes) : _mm512_setzero_ps();
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      auto* const c = reinterpret_cast<Number*>(t.c + r * t.c_row) + s * kLanes;
      __m512 sum = _mm512_add_ps(sums[r][s], bias);
      if (t.add) sum = _mm512_add_ps(sum, load_numbers(mask, c));
      store_numbers(c, mask, sum);
    }
  }
}

using Kernel = void (*)(const Tile&);
template <bool kStripOfA, typename Number>
constexpr Kernel kKernels[kMostRows][kMostStrips] = {
#define TEKIO_ROW(rows)                                                                    \
  {                                                                                        \
    compute_tile<rows, 1, kStripOfA, Number>, compute_tile<rows, 2, kStripOfA, Number>,    \
        compute_tile<rows, 3, kStripOfA, Number>, compute_tile<rows, 4, kStripOfA, Number> \
  }
    TEKIO_ROW(1), TEKIO_ROW(2), TEKIO_ROW(3), TEKIO_ROW(4),
    TEKIO_ROW(5), TEKIO_ROW(6)
#undef TEKIO_ROW
};

// a, whose rows lie as they do in memory, or in strips.
struct Left {
  const std::byte* data;
  int64_t rows, row_bytes, strip_bytes;
};

// Fetches rows of memory a few lines at a time, in `steps` equal parts.
class Fetcher {
 public:
  Fetcher(const Soon& what, int64_t steps)
      : what_(what),
        lines_((what.columns * size_of(DType::bf16) + 63) / 64),
        each_((what.rows * lines_ + steps - 1) / std::max<int64_t>(steps, 1)) {}
  void step() {
    for (int64_t i = 0; i < each_ && row_ < what_.rows; ++i) {
      _mm_prefetch(reinterpret_cast<const char*>(what_.data + row_ * what_.stride) + 64 * line_, _MM_HINT_T1);
      if (++line_ < lines_) continue;
      line_ = 0;
      ++row_;
    }
  }

 private:
  Soon what_;
  int64_t lines_, each_, row_ = 0, line_ = 0;
};

template <bool kStripOfA, typename Number>
void multiply_panels(const Result& c, const Left& a, const Strips& b, std::array<Soon, 2> soon = {}) {
  const int64_t tiles = (b.count() + kMostStrips - 1) / kMostStrips * ((a.rows + kLanes - 1) / kLanes) * 3;
  Fetcher one(soon[0], tiles), other(soon[1], tiles);
  Tile t{};
  t.a_row = a.row_bytes;
  t.odd = !kStripOfA && b.depth % 2 != 0;
  t.b_strip = b.strip_bytes;
  t.pairs = t.odd ? b.depth / 2 : (b.depth + 1) / 2;
  t.c_row = c.stride * static_cast<int64_t>(sizeof(Number));
  t.add = c.add;
  for (const EvenPieces::Piece strips : EvenPieces(b.count(), kMostStrips)) {
    const int64_t column = strips.begin * kLanes;
    t.b = b.data + strips.begin * b.strip_bytes;
    t.bias = c.bias != nullptr ? c.bias + column : nullptr;
    t.last = first16(b.columns - column - (strips.size - 1) * kLanes);
    const auto compute = [&](int64_t row, int64_t rows, const std::byte* at) {
      t.a = at;
      t.c = static_cast<std::byte*>(c.data) + row * t.c_row + column * static_cast<int64_t>(sizeof(Number));
      kKernels<kStripOfA, Number>[rows - 1][strips.size - 1](t);
    };
    if constexpr (kStripOfA) {
      for (int64_t first = 0; first < a.rows; first += kLanes) {
        const std::byte* const at = a.data + first / kLanes * a.strip_bytes;
        for (const EvenPieces::Piece rows : EvenPieces(std::min(kLanes, a.rows - first), kMostRows)) {
          compute(first + rows.begin, rows.size, at + 4 * rows.begin);
          one.step();
          other.step();
        }
      }
    } else {
      for (const EvenPieces::Piece rows : EvenPieces(a.rows, kMostRows))
        compute(rows.begin, rows.size, a.data + rows.begin * a.row_bytes);
    }
  }
}

template <bool kStripOfA>
void multiply_panels_as(const Result& c, const Left& a, const Strips& b, std::array<Soon, 2> soon = {}) {
  if (c.type == DType::f32)
    multiply_panels<kStripOfA, float>(c, a, b, soon);
  else
    multiply_panels<kStripOfA, bf16>(c, a, b, soon);
}

template <typename Number>
void store_as(const Result& c, const float* sums, int64_t stride, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < columns; i += 2 * kLanes) {  // two vectors, which are a cache line of bf16
    const __mmask16 low = first16(columns - i), high = first16(columns - i - kLanes);
    const auto bias = [&](__mmask16 mask, int64_t at) {
      return c.bias != nullptr ? _mm512_maskz_loadu_ps(mask, c.bias + at) : _mm512_setzero_ps();
    };
    const __m512 low_bias = bias(low, i), high_bias = bias(high, i + kLanes);
    for (int64_t r = 0; r < rows; ++r) {
      Number* const to = static_cast<Number*>(c.data) + r * c.stride + i;
      const float* const from = sums + r * stride + i;
      __m512 low_sum = _mm512_add_ps(_mm512_maskz_loadu_ps(low, from), low_bias);
      __m512 high_sum = _mm512_add_ps(_mm512_maskz_loadu_ps(high, from + kLanes), high_bias);
      if (c.add) {
        low_sum = _mm512_add_ps(low_sum, load_numbers(low, to));
        high_sum = _mm512_add_ps(high_sum, load_numbers(high, to + kLanes));
      }
      store_numbers(to, low, high, low_sum, high_sum);
    }
  }
}

}  // namespace

void avx512::store(const Result& c, const float* sums, int64_t stride, int64_t rows, int64_t columns) {
  if (c.type == DType::f32)
    store_as<float>(c, sums, stride, rows, columns);
  else
    store_as<bf16>(c, sums, stride, rows, columns);
}

void avx512::multiply(const Result& c, const bf16* a, int64_t a_stride, int64_t m, const Strips& b) {
  constexpr int64_t kDepth = 4096;  // a panel of b is half of the second cache
  in_pieces(Instructions::avx512, c, m, b.columns, b.depth, kDepth,
            [&](const Result& to, int64_t begin, int64_t depth) {
              const Left left{reinterpret_cast<const std::byte*>(a + begin), m, a_stride * size_of(DType::bf16), 0};
              multiply_panels_as<false>(to, left, b.piece(begin, depth));
            });
}

void avx512::multiply(const Result& c, const Strips& a, const Strips& b, std::array<Soon, 2> soon) {
  TEKIO_CHECK(a.depth == b.depth, "depths {} and {}", a.depth, b.depth);
  multiply_panels_as<true>(c, {a.data, a.columns, 0, a.strip_bytes}, b, soon);
}

}  // namespace tekio::kernels
HWY_POP_ATTRIBUTES
