// AMX multiplies tiles: 16 rows of a by 16 columns of b, 32 deep, into 16 x 16 float32 sums, in 16 cycles. Eight tiles
// hold 2 x 2 blocks of sums, and two tiles each of a and b, so that every tile that is loaded is used twice. Half of
// what is loaded then has to come from the first cache: 32 rows of a, 256 deep, are 16 KiB, and stay while all of b's
// columns pass from the second cache. (768 deep in one piece: 21 % slower.)
#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>

#include "compute/cpu/bf16_kernel.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16")
#define TEKIO_INLINE inline __attribute__((always_inline))

namespace tekio::kernels {
namespace {

constexpr int64_t kSide = 32;      // rows and columns that four tiles of sums cover
constexpr int64_t kDepth = 256;    // of a, in the first cache
constexpr int64_t kColumns = 768;  // whose sums wait for the next depths

static_assert(kPanel % kSide == 0, "what is cut at panels is cut at whole blocks of tiles");

// Eight whole tiles. A constant, because GCC 12 believes that _tile_loadconfig reads no more than the first eight
// bytes, and may drop the writing of the others.
struct TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);
alignas(64) constexpr TileConfig kWholeTiles;

// The tiles, for as long as this lives. Given back, since what threads have in tiles is saved whenever they pause.
class Tiles {
 public:
  TEKIO_INLINE Tiles() { _tile_loadconfig(&kWholeTiles); }
  TEKIO_INLINE ~Tiles() { _tile_release(); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

// Rows of a, 32 of them there, and a depth that is a multiple of a tile's.
struct Rows {
  const std::byte* data;
  int64_t stride;  // bytes
};

// sums[32,32] (rows `stride` bytes apart) = or += a b, for `steps` tiles of depth; other_b: the strip beside b.
TEKIO_INLINE void multiply_tiles(float* sums, int64_t stride, const Rows& a, const std::byte* b,
                                 const std::byte* other_b, int64_t steps, bool add) {
  float* const lower = sums + 4 * stride;  // 16 rows of `stride` / 4 numbers
  asm volatile("" ::: "memory");  // GCC 12 does not know that tile loads read memory: what was written is there by now
  if (add) {
    _tile_loadd(0, sums, stride);
    _tile_loadd(1, sums + 16, stride);
    _tile_loadd(2, lower, stride);
    _tile_loadd(3, lower + 16, stride);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const std::byte *upper_a = a.data, *lower_a = a.data + 16 * a.stride;
  for (; steps != 0; --steps, upper_a += 64, lower_a += 64, b += 1024, other_b += 1024) {
    _tile_loadd(6, b, 64);
    _tile_loadd(4, upper_a, a.stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, other_b, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, lower_a, a.stride);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums, stride);
  _tile_stored(1, sums + 16, stride);
  _tile_stored(2, lower, stride);
  _tile_stored(3, lower + 16, stride);
}

// Some of a's rows and depths, as they lie, or copied and filled up with zeros where they are no whole tiles.
Rows whole_rows(const bf16* a, int64_t stride, int64_t rows, int64_t depth, bf16* room) {
  const int64_t row_bytes = stride * size_of(DType::bf16);
  if (rows == kSide && depth % kTileDepth == 0) return {reinterpret_cast<const std::byte*>(a), row_bytes};
  const int64_t wide = Strips::whole_tiles(depth);
  std::fill_n(room, kSide * wide, bf16());
  for (int64_t r = 0; r < rows; ++r) std::copy_n(a + r * stride, depth, room + r * wide);
  return {reinterpret_cast<const std::byte*>(room), wide * size_of(DType::bf16)};
}

// All columns of up to 32 rows.
void multiply_rows(const Result& c, const bf16* a, int64_t a_stride, int64_t rows, const Strips& b, float* gathered,
                   bf16* room) {
  const int64_t gathered_stride = Strips::whole_tiles(b.columns) + 16;  // not a power of two
  for (int64_t depth = 0; depth < b.depth; depth += kDepth) {
    const int64_t deep = std::min(kDepth, b.depth - depth), steps = Strips::whole_tiles(deep) / kTileDepth;
    const Rows left = whole_rows(a + depth, a_stride, rows, deep, room);
    const bool first = depth == 0, last = depth + deep == b.depth;
    for (int64_t column = 0; column < b.columns; column += kSide) {
      const int64_t columns = std::min(kSide, b.columns - column);
      const std::byte* const strip = b.data + column / 16 * b.strip_bytes + depth * 32;
      const std::byte* const other = columns > 16 ? strip + b.strip_bytes : strip;
      const int64_t offset = column * size_of(c.type);
      // Whole blocks of float32 sums gather where they belong.
      if (c.type == DType::f32 && c.bias == nullptr && rows == kSide && columns == kSide) {
        float* const to = static_cast<float*>(c.data) + column;
        multiply_tiles(to, c.stride * size_of(DType::f32), left, strip, other, steps, c.add || !first);
        continue;
      }
      float* const sums = gathered + column;
      multiply_tiles(sums, gathered_stride * size_of(DType::f32), left, strip, other, steps, !first);
      if (!last) continue;
      avx512::store({static_cast<std::byte*>(c.data) + offset, c.stride, c.type,
                     c.bias != nullptr ? c.bias + column : nullptr, c.add},
                    sums, gathered_stride, rows, columns);
    }
  }
}

}  // namespace

void amx::multiply(const Result& c, const bf16* a, int64_t a_stride, int64_t m, const Strips& b) {
  constexpr int64_t kRoom = kSide * kDepth * size_of(DType::bf16);
  auto* const memory =
      static_cast<std::byte*>(scratch(Scratch::tiles, kRoom + kSide * (kColumns + 16) * size_of(DType::f32)));
  auto* const room = reinterpret_cast<bf16*>(memory);
  auto* const gathered = reinterpret_cast<float*>(memory + kRoom);
  const Tiles tiles;
  for (int64_t column = 0; column < b.columns; column += kColumns) {
    const Strips part = b.cut(column, std::min(kColumns, b.columns - column));
    for (int64_t row = 0; row < m; row += kSide) {
      const int64_t at = row * c.stride + column;
      const Result to{static_cast<std::byte*>(c.data) + at * size_of(c.type), c.stride, c.type,
                      c.bias != nullptr ? c.bias + column : nullptr, c.add};
      multiply_rows(to, a + row * a_stride, a_stride, std::min(kSide, m - row), part, gathered, room);
    }
  }
}

}  // namespace tekio::kernels
HWY_POP_ATTRIBUTES
