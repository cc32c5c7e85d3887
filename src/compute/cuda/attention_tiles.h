// What attention's kernels share: what they are told, where a block stands, tiles of 64 rows in shared memory, and
// dropout's factors in the layout of a warp's products.
#pragma once

#include "compute/cuda/kernel.h"
#include "compute/cuda/tile_product.h"

namespace tekio::cuda {

constexpr int kTile = 64, kWarps = kTile / 16, kBlock = kWarps * kWarp, kTiles = kTile / 8;

/// Shared memory: rows are padded so that the eight rows that a warp reads at once lie in different banks.
template <typename T>
constexpr int kPadding = 16 / static_cast<int>(sizeof(T));
template <typename T, int kD>
constexpr int kStride = kD + kPadding<T>;
template <typename T>
constexpr int kSquareStride = kTile + kPadding<T>;
/// Bytes of so many [64, kD] and [64, 64] tiles.
template <typename T, int kD>
constexpr int64_t tiles_bytes(int wide, int square) {
  return int64_t{kTile} * (wide * kStride<T, kD> + square * kSquareStride<T>)*static_cast<int64_t>(sizeof(T));
}

/// What all attention kernels are told. Lists, on the device, have an entry for each sequence.
struct Plan {
  static constexpr bool kNoPadding = true;
  const int32_t *offsets, *row_begins;          // of the sequence's tokens, of its rows among the op's
  const int64_t* decision_begins;               // of its [H, T, T] block
  const int32_t* some;                          // tokens of the op's rows; or nullptr
  int heads, size, width, q_stride, kv_stride;  // numbers
  int window;                                   // or beyond any sequence's length
  int tiles;                                    // of a sequence and head
  float scale;                                  // 1 / sqrt(size)
  KernelDropout drop;
};
static_assert(sizeof(Plan) == 4 * sizeof(void*) + 8 * sizeof(int) + sizeof(KernelDropout));

/// One block's sequence, head and tile.
struct Place {
  int sequence, head, first;  // `first`: of the tile's rows (queries or keys), within the sequence
  int row_begin, rows;        // the sequence's rows among the op's
  int token_begin, length;
  int64_t decisions;  // where the head's [length, length] block begins

  __device__ explicit Place(const Plan& plan) {
    const int tile = static_cast<int>(blockIdx.x) % plan.tiles, rest = static_cast<int>(blockIdx.x) / plan.tiles;
    head = rest % plan.heads;
    sequence = rest / plan.heads;
    first = tile * kTile;
    row_begin = plan.row_begins[sequence];
    rows = plan.row_begins[sequence + 1] - row_begin;
    token_begin = plan.offsets[sequence];
    length = plan.offsets[sequence + 1] - token_begin;
    decisions = plan.decision_begins[sequence] + static_cast<int64_t>(head) * length * length;
  }
  /// Where a tensor [rows of the op, H] has the head's number of the row `row`.
  __device__ int64_t of_row(const Plan& plan, int row) const {
    return static_cast<int64_t>(row_begin + row) * plan.heads + head;
  }
  /// Rows [begin, end) of the tiles, of keys that some of the tile of queries from `first` on see.
  __device__ int first_key(const Plan& plan) const {
    return max(0, position(plan, first) - plan.window) / kTile * kTile;
  }
  __device__ int end_of_keys(const Plan& plan) const {
    return min(length, position(plan, min(first + kTile, rows) - 1) + plan.window + 1);
  }
  /// Whether any of the queries from `query` on sees any of the tile of keys from `first` on.
  __device__ bool is_seen_by(const Plan& plan, int query) const {
    return position(plan, query) <= first + kTile - 1 + plan.window &&
           position(plan, min(query + kTile, rows) - 1) >= first - plan.window;
  }
  /// The position within the sequence of its row `row`.
  __device__ int position(const Plan& plan, int row) const {
    return plan.some != nullptr ? plan.some[row_begin + row] - token_begin : row;
  }
};

__device__ inline int warp_row() { return static_cast<int>(threadIdx.x) / kWarp * 16; }

/// Rows [first, first + 64) of from[rows, size] into shared memory, 0 beyond its ends.
template <int kD, typename T>
__device__ void load_tile(T* tile, const T* from, int stride, int first, int rows, int size) {
  constexpr int kEights = kD / kEight;
  const bool whole = size % kEight == 0;
  for (int i = static_cast<int>(threadIdx.x); i < kTile * kEights; i += kBlock) {
    const int row = i / kEights, column = i % kEights * kEight;
    float number[kEight] = {};
    if (first + row < rows && column < size)
      load_eight(number, from + static_cast<int64_t>(first + row) * stride + column, min(kEight, size - column), whole);
    store_eight(tile + row * kStride<T, kD> + column, number, kEight, true);
  }
}
/// A warp's 16 rows of results into to[rows, size].
template <int kD, typename T>
__device__ void store_rows(T* to, int stride, int first, int rows, int size, const float (&numbers)[kD / 8][4]) {
#pragma unroll
  for (int t = 0; t < kD / 8; ++t)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const TileCell cell = tile_cell(i);
      const int row = first + cell.row, column = 8 * t + cell.column;
      if (row < rows && column < size) to[static_cast<int64_t>(row) * stride + column] = narrow<T>(numbers[t][i]);
    }
}

/// Dropout's factors of a warp's 16 rows from `first` on and the 64 keys from `key` on. A lane's eight columns are
/// drawn together, and the four lanes that share a row share the drawing.
class Factors {
 public:
  __device__ Factors(const Plan& plan, const Place& at, int first, int key) : drop_(plan.drop) {
    if (!drop_.on) return;
    const int quarter = static_cast<int>(threadIdx.x) % 4;
    for (int i = 0; i < 4; ++i) {  // bits 8 i: tile quarter + 4 (i / 2), the lane's row i % 2
      const int row = first + static_cast<int>(threadIdx.x) % kWarp / 4 + i % 2 * 8;
      const int column = key + 8 * (quarter + i / 2 * 4);
      if (row >= at.rows || column >= at.length) continue;
      const int position = at.position(plan, row);
      const DropoutRow drawn{static_cast<uint64_t>(at.sequence), static_cast<uint32_t>(at.head),
                             static_cast<uint32_t>(position)};
      bits_ |= drop_.bits(drawn, static_cast<uint32_t>(column / 8),
                          at.decisions + static_cast<int64_t>(position) * at.length + column,
                          min(kEight, at.length - column))
               << 8 * i;
    }
  }
  /// Of the four numbers of tile t. All lanes must ask.
  __device__ void of_tile(float (&factors)[4], int t) const {
    if (!drop_.on) {
      for (float& factor : factors) factor = 1;
      return;
    }
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const uint32_t bits = __shfl_sync(kAllLanes, bits_, lane / 4 * 4 + t % 4) >> (t / 4 * 16);
    for (int i = 0; i < 4; ++i) factors[i] = drop_.factor(bits >> (i / 2 * 8), tile_cell(i).column);
  }

 private:
  const KernelDropout& drop_;
  uint32_t bits_ = 0;
};

/// Over the four lanes that share rows.
__device__ inline float quarter_sum(float x) {
  x += __shfl_xor_sync(kAllLanes, x, 1);
  return x + __shfl_xor_sync(kAllLanes, x, 2);
}
__device__ inline float quarter_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, 1));
  return fmaxf(x, __shfl_xor_sync(kAllLanes, x, 2));
}

}  // namespace tekio::cuda
