// Self-attention within each packed sequence (see ref/attention.cc for the formulas). A block takes a tile of 64
// queries, or in the second half of backward of 64 keys, of one head of one sequence; four warps take 16 rows each.
// Scores are computed again wherever they are needed rather than stored: forward needs them for a row's maximum and
// sum, which are all that is kept, and for the probabilities; either half of backward for the probabilities.
#include <algorithm>
#include <vector>

#include "compute/cuda/attention_tiles.h"
#include "compute/cuda/cuda_backend.h"

namespace tekio::cuda {
namespace {

/// What is kept of a row: the largest number of q k^T, and 1 / the sum of the exponentials.
struct RowKept {
  float most, inverse;
};

/// Scores of a warp's 16 queries from `first` on and 64 keys from `key` on, times `scale`; -infinity where there is no
/// key, or none that the query sees.
template <typename T, int kD>
__device__ void multiply_scores(float (&s)[kTiles][4], const T* q_tile, const T* k_tile, const Plan& plan,
                                const Place& at, int first, int key, float (&most)[2]) {
#pragma unroll
  for (int t = 0; t < kTiles; ++t)
#pragma unroll
    for (int i = 0; i < 4; ++i) s[t][i] = 0;
  multiply_tiles<false, true, kTile, kD>(s, q_tile + warp_row() * kStride<T, kD>, kStride<T, kD>, k_tile,
                                         kStride<T, kD>);
  int begin[2], end[2];  // of the keys that the lane's two rows see
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    const int position = at.position(plan, min(first + tile_cell(2 * row).row, at.rows - 1));
    begin[row] = position - plan.window;
    end[row] = min(at.length, position + plan.window + 1);
  }
#pragma unroll
  for (int t = 0; t < kTiles; ++t)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int column = key + 8 * t + tile_cell(i).column;
      const float score = column >= begin[i / 2] && column < end[i / 2] ? s[t][i] : -INFINITY;
      most[i / 2] = fmaxf(most[i / 2], score);
      s[t][i] = score * plan.scale;
    }
}

/// y and kept, for a tile of queries.
template <typename T, int kD>
__global__ void __launch_bounds__(kBlock)
    attention_forward(T* y, RowKept* kept, const T* q, const T* k, const T* v, Plan plan) {
  T* const q_tile = shared_memory<T>();
  T* const k_tile = q_tile + kTile * kStride<T, kD>;
  T* const v_tile = k_tile + kTile * kStride<T, kD>;
  T* const p_tile = v_tile + kTile * kStride<T, kD>;
  const Place at(plan);
  if (at.first >= at.rows) return;
  const int column = at.head * plan.size, first = at.first + warp_row();
  const T* const keys = k + static_cast<int64_t>(at.token_begin) * plan.kv_stride + column;
  const T* const values = v + static_cast<int64_t>(at.token_begin) * plan.kv_stride + column;
  load_tile<kD>(q_tile, q + static_cast<int64_t>(at.row_begin) * plan.q_stride + column, plan.q_stride, at.first,
                at.rows, plan.size);

  const int begin_of_keys = at.first_key(plan), end_of_keys = at.end_of_keys(plan);
  float s[kTiles][4];
  float most[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
  for (int key = begin_of_keys; key < end_of_keys; key += kTile) {
    __syncthreads();
    load_tile<kD>(k_tile, keys, plan.kv_stride, key, at.length, plan.size);
    __syncthreads();
    float before[2] = {most[0], most[1]};
    multiply_scores<T, kD>(s, q_tile, k_tile, plan, at, first, key, most);
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      most[row] = quarter_max(most[row]);
      const float here = most[row] * plan.scale;
      if (most[row] == -INFINITY) continue;  // no key that the row sees so far
      sum[row] *= __expf(before[row] * plan.scale - here);
#pragma unroll
      for (int t = 0; t < kTiles; ++t) sum[row] += __expf(s[t][2 * row] - here) + __expf(s[t][2 * row + 1] - here);
    }
  }
  RowKept keeps[2];
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    keeps[row] = {most[row], 1 / quarter_sum(sum[row])};
    const int of = first + tile_cell(2 * row).row;
    if (threadIdx.x % 4 == 0 && of < at.rows) kept[at.of_row(plan, of)] = keeps[row];
  }

  float out[kD / 8][4] = {};
  for (int key = begin_of_keys; key < end_of_keys; key += kTile) {
    __syncthreads();
    load_tile<kD>(k_tile, keys, plan.kv_stride, key, at.length, plan.size);
    load_tile<kD>(v_tile, values, plan.kv_stride, key, at.length, plan.size);
    __syncthreads();
    const Factors factors(plan, at, first, key);
    multiply_scores<T, kD>(s, q_tile, k_tile, plan, at, first, key, most);
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      float factor[4];
      factors.of_tile(factor, t);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const TileCell cell = tile_cell(i);
        const float p = __expf(s[t][i] - keeps[i / 2].most * plan.scale) * keeps[i / 2].inverse;
        p_tile[(warp_row() + cell.row) * kSquareStride<T> + 8 * t + cell.column] = narrow<T>(p * factor[i]);
      }
    }
    __syncwarp();
    multiply_tiles<false, false, kD, kTile>(out, p_tile + warp_row() * kSquareStride<T>, kSquareStride<T>, v_tile,
                                            kStride<T, kD>);
  }
  store_rows<kD>(y + static_cast<int64_t>(at.row_begin) * plan.width + column, plan.width, first, at.rows, plan.size,
                 out);
}

/// The tiles that both halves of backward read.
template <typename T>
struct BackwardTiles {
  T *q, *d_y, *k, *v;
};

/// What both halves of backward compute for a warp's 16 queries and 64 keys: the probabilities, rounded, their factors,
/// and d_p = factor (d_y v^T).
template <typename T, int kD>
__device__ void probabilities_backward(float (&p)[kTiles][4], float (&factor)[kTiles][4], float (&d_p)[kTiles][4],
                                       const BackwardTiles<T>& tiles, const RowKept* kept, const Plan& plan,
                                       const Place& at, int first, int key) {
  float most[2] = {};
  multiply_scores<T, kD>(p, tiles.q, tiles.k, plan, at, first, key, most);
#pragma unroll
  for (int t = 0; t < kTiles; ++t)
#pragma unroll
    for (int i = 0; i < 4; ++i) d_p[t][i] = 0;
  multiply_tiles<false, true, kTile, kD>(d_p, tiles.d_y + warp_row() * kStride<T, kD>, kStride<T, kD>, tiles.v,
                                         kStride<T, kD>);
  const int rows[2] = {first + tile_cell(0).row, first + tile_cell(2).row};
  RowKept keeps[2] = {};  // beyond the rows: probabilities of 0
#pragma unroll
  for (int row = 0; row < 2; ++row)
    if (rows[row] < at.rows) keeps[row] = kept[at.of_row(plan, rows[row])];
  const Factors factors(plan, at, first, key);
#pragma unroll
  for (int t = 0; t < kTiles; ++t) {
    factors.of_tile(factor[t], t);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      p[t][i] = wide(narrow<T>(__expf(p[t][i] - keeps[i / 2].most * plan.scale) * keeps[i / 2].inverse));
      d_p[t][i] *= factor[t][i];
    }
  }
}

/// d_q for a tile of queries; and inner[row, head] = the sum over keys of p d_p, which the keys' half needs.
template <typename T, int kD>
__global__ void __launch_bounds__(kBlock)
    attention_backward_queries(T* d_q, float* inner, const T* d_y, const RowKept* kept, const T* q, const T* k,
                               const T* v, Plan plan) {
  BackwardTiles<T> tiles;
  tiles.q = shared_memory<T>();
  tiles.d_y = tiles.q + kTile * kStride<T, kD>;
  tiles.k = tiles.d_y + kTile * kStride<T, kD>;
  tiles.v = tiles.k + kTile * kStride<T, kD>;
  T* const d_s_tile = tiles.v + kTile * kStride<T, kD>;
  const Place at(plan);
  if (at.first >= at.rows) return;
  const int column = at.head * plan.size, first = at.first + warp_row();
  const T* const keys = k + static_cast<int64_t>(at.token_begin) * plan.kv_stride + column;
  const T* const values = v + static_cast<int64_t>(at.token_begin) * plan.kv_stride + column;
  load_tile<kD>(tiles.q, q + static_cast<int64_t>(at.row_begin) * plan.q_stride + column, plan.q_stride, at.first,
                at.rows, plan.size);
  load_tile<kD>(tiles.d_y, d_y + static_cast<int64_t>(at.row_begin) * plan.width + column, plan.width, at.first,
                at.rows, plan.size);
  const int begin_of_keys = at.first_key(plan), end_of_keys = at.end_of_keys(plan);
  float p[kTiles][4], factor[kTiles][4], d_p[kTiles][4];
  const auto at_keys = [&](int key) {
    __syncthreads();
    load_tile<kD>(tiles.k, keys, plan.kv_stride, key, at.length, plan.size);
    load_tile<kD>(tiles.v, values, plan.kv_stride, key, at.length, plan.size);
    __syncthreads();
    probabilities_backward<T, kD>(p, factor, d_p, tiles, kept, plan, at, first, key);
  };
  float sum[2] = {0, 0};
  for (int key = begin_of_keys; key < end_of_keys; key += kTile) {
    at_keys(key);
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
#pragma unroll
      for (int i = 0; i < 4; ++i) sum[i / 2] += p[t][i] * d_p[t][i];
  }
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    sum[row] = quarter_sum(sum[row]);
    const int of = first + tile_cell(2 * row).row;
    if (threadIdx.x % 4 == 0 && of < at.rows) inner[at.of_row(plan, of)] = sum[row];
  }

  float out[kD / 8][4] = {};
  for (int key = begin_of_keys; key < end_of_keys; key += kTile) {
    at_keys(key);
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const TileCell cell = tile_cell(i);
        d_s_tile[(warp_row() + cell.row) * kSquareStride<T> + 8 * t + cell.column] =
            narrow<T>(p[t][i] * (d_p[t][i] - sum[i / 2]) * plan.scale);
      }
    __syncwarp();
    multiply_tiles<false, false, kD, kTile>(out, d_s_tile + warp_row() * kSquareStride<T>, kSquareStride<T>, tiles.k,
                                            kStride<T, kD>);
  }
  store_rows<kD>(d_q + static_cast<int64_t>(at.row_begin) * plan.q_stride + column, plan.q_stride, first, at.rows,
                 plan.size, out);
}

/// d_k and d_v for a tile of keys.
template <typename T, int kD>
__global__ void __launch_bounds__(kBlock)
    attention_backward_keys(T* d_k, T* d_v, const float* inner, const T* d_y, const RowKept* kept, const T* q,
                            const T* k, const T* v, Plan plan) {
  BackwardTiles<T> tiles;
  tiles.k = shared_memory<T>();
  tiles.v = tiles.k + kTile * kStride<T, kD>;
  tiles.d_y = tiles.v + kTile * kStride<T, kD>;
  tiles.q = tiles.d_y + kTile * kStride<T, kD>;
  T* const square = tiles.q + kTile * kStride<T, kD>;  // dropped probabilities, then gradients of scores
  const Place at(plan);
  if (at.first >= at.length) return;
  const int column = at.head * plan.size;
  const int64_t begin = static_cast<int64_t>(at.token_begin) * plan.kv_stride + column;
  load_tile<kD>(tiles.k, k + begin, plan.kv_stride, at.first, at.length, plan.size);
  load_tile<kD>(tiles.v, v + begin, plan.kv_stride, at.first, at.length, plan.size);
  float keys_out[kD / 8][4] = {}, values_out[kD / 8][4] = {};
  for (int query = 0; query < at.rows; query += kTile) {
    if (!at.is_seen_by(plan, query)) continue;
    __syncthreads();
    load_tile<kD>(tiles.d_y, d_y + static_cast<int64_t>(at.row_begin) * plan.width + column, plan.width, query, at.rows,
                  plan.size);
    load_tile<kD>(tiles.q, q + static_cast<int64_t>(at.row_begin) * plan.q_stride + column, plan.q_stride, query,
                  at.rows, plan.size);
    __syncthreads();
    const int first = query + warp_row();
    float p[kTiles][4], factor[kTiles][4], d_p[kTiles][4], sum[2];
    probabilities_backward<T, kD>(p, factor, d_p, tiles, kept, plan, at, first, at.first);
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const int of = first + tile_cell(2 * row).row;
      sum[row] = of < at.rows ? inner[at.of_row(plan, of)] : 0.0f;
    }
    const auto fill_square = [&](const auto& number) {
#pragma unroll
      for (int t = 0; t < kTiles; ++t)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const TileCell cell = tile_cell(i);
          square[(warp_row() + cell.row) * kSquareStride<T> + 8 * t + cell.column] = narrow<T>(number(t, i));
        }
      __syncthreads();
    };
    fill_square([&](int t, int i) { return p[t][i] * factor[t][i]; });
    multiply_tiles<true, false, kD, kTile>(values_out, square + warp_row(), kSquareStride<T>, tiles.d_y,
                                           kStride<T, kD>);
    __syncthreads();
    fill_square([&](int t, int i) { return p[t][i] * (d_p[t][i] - sum[i / 2]) * plan.scale; });
    multiply_tiles<true, false, kD, kTile>(keys_out, square + warp_row(), kSquareStride<T>, tiles.q, kStride<T, kD>);
  }
  store_rows<kD>(d_k + begin, plan.kv_stride, at.first + warp_row(), at.length, plan.size, keys_out);
  store_rows<kD>(d_v + begin, plan.kv_stride, at.first + warp_row(), at.length, plan.size, values_out);
}

/// q, k and v of an op: of one tensor or of two.
template <typename T>
struct Inputs {
  T *q, *k, *v;
  template <typename Void>
  Inputs(const BasicTensor<Void>& queries, const BasicTensor<Void>& others, int64_t width)
      : q(data_of<std::remove_const_t<T>>(queries)),
        k(others ? data_of<std::remove_const_t<T>>(others) : q + width),
        v(k + width) {}
};

/// The host's side of a plan: the lists' contents, and the longest sequence's tokens. Which of them ask, in the last
/// layer, is another number in each step, so that tiles are cut for all.
struct Lists {
  std::vector<int32_t> row_begins;
  std::vector<int64_t> decision_begins;
  int64_t longest = 0, decisions = 0;

  Lists(const Sequences& s, int64_t heads) {
    for (int64_t k = 0; k < s.count(); ++k) {
      const SequenceRows rows = rows_of(s, k);
      row_begins.push_back(static_cast<int32_t>(rows.begin));
      decision_begins.push_back(decisions);
      decisions += heads * rows.length * rows.length;
      longest = std::max(longest, rows.length);
    }
    row_begins.push_back(static_cast<int32_t>(s.rows()));
  }
};

template <typename T>
std::span<const T> view(const std::vector<T>& values) {
  return values;
}

Plan make_plan(Device& device, const Lists& lists, int64_t width, bool apart, const AttentionShape& shape,
               const Sequences& s, const Dropout& drop) {
  const int64_t size = width / shape.heads;
  return {.offsets = device.upload(s.offsets),
          .row_begins = device.upload(view(lists.row_begins)),
          .decision_begins = device.upload(view(lists.decision_begins)),
          .some = s.some.empty() ? nullptr : device.upload(s.some),
          .heads = static_cast<int>(shape.heads),
          .size = static_cast<int>(size),
          .width = static_cast<int>(width),
          .q_stride = static_cast<int>(apart ? width : 3 * width),
          .kv_stride = static_cast<int>(apart ? 2 * width : 3 * width),
          .window = static_cast<int>(shape.window > 0 ? std::min(shape.window, s.tokens()) : s.tokens()),
          .tiles = static_cast<int>((lists.longest + kTile - 1) / kTile),
          .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(size))),
          .drop = KernelDropout(device, drop, s.first_key, lists.decisions)};
}

/// The blocks of a kernel: for each tile of each sequence and head.
dim3 blocks_of(const Plan& plan, const Sequences& s) {
  return dim3(static_cast<unsigned>(plan.tiles * plan.heads * s.count()));
}

/// Calls body(number of the tensor's kind, integral constant: the head's size, rounded up to what there are kernels
/// for).
template <typename Body>
void with_head(const char* op, DType type, int64_t size, const Body& body) {
  if (size > 128)
    fail(ErrorKind::device, "{}: heads of {} numbers, but the GPU's attention takes at most 128: use --device cpu", op,
         size);
  with_type(type, [&](auto kind) {
    if (size <= 32) return body(kind, std::integral_constant<int, 32>());
    if (size <= 64) return body(kind, std::integral_constant<int, 64>());
    return body(kind, std::integral_constant<int, 128>());
  });
}

}  // namespace

void CudaBackend::compute(const verb::Attention& op) {
  if (op.s.tokens() == 0) return;
  const int64_t width = op.y.dim[1];
  const Lists lists(op.s, op.shape.heads);
  const Plan plan = make_plan(device_, lists, width, static_cast<bool>(op.kv), op.shape, op.s, op.drop);
  with_head("attention", op.y.dtype, width / op.shape.heads, [&](auto kind, auto padded) {
    using T = decltype(kind);
    constexpr int kD = decltype(padded)::value;
    const Inputs<const T> in(op.q, op.kv, width);
    launch(device_, "attention_forward", blocks_of(plan, op.s), kBlock, tiles_bytes<T, kD>(3, 1),
           attention_forward<T, kD>, data_of<T>(op.y), static_cast<RowKept*>(op.kept.data), in.q, in.k, in.v, plan);
  });
}

void CudaBackend::compute(const verb::AttentionBackward& op) {
  if (op.s.tokens() == 0) return;
  const int64_t width = op.d_y.dim[1];
  const Lists lists(op.s, op.shape.heads);
  const Plan plan = make_plan(device_, lists, width, static_cast<bool>(op.kv), op.shape, op.s, op.drop);
  auto* const inner = static_cast<float*>(device_.scratch(op.s.rows() * op.shape.heads * size_of(DType::f32)));
  const auto* const keeps = static_cast<const RowKept*>(op.kept.data);
  with_head("attention_backward", op.d_y.dtype, width / op.shape.heads, [&](auto kind, auto padded) {
    using T = decltype(kind);
    constexpr int kD = decltype(padded)::value;
    const Inputs<const T> in(op.q, op.kv, width);
    const Inputs<T> out(op.d_q, op.d_kv, width);
    launch(device_, "attention_backward_queries", blocks_of(plan, op.s), kBlock, tiles_bytes<T, kD>(4, 1),
           attention_backward_queries<T, kD>, out.q, inner, data_of<T>(op.d_y), keeps, in.q, in.k, in.v, plan);
    launch(device_, "attention_backward_keys", blocks_of(plan, op.s), kBlock, tiles_bytes<T, kD>(4, 1),
           attention_backward_keys<T, kD>, out.k, out.v, inner, data_of<T>(op.d_y), keeps, in.q, in.k, in.v, plan);
  });
}

}  // namespace tekio::cuda
