// Self-attention within each packed sequence: one task a (sequence, head), its queries in blocks, so that a block's
// scores stay in the second cache. Products are of strided parts of q, k and v; what is done to rows of scores is in
// attention_rows.cc. Scores and their gradients are float32 until they are factors of a product. Backward computes the
// scores again, by the same products: the same bits. Formulas: ref/attention.cc.
#include <cmath>

#include "compute/cpu/attention_rows.h"
#include "compute/cpu/cpu_backend.h"
#include "compute/cpu/product.h"

namespace tekio {
namespace {

// What all heads of one call share.
struct AttentionCall {
  const Sequences& s;
  const Dropout& drop;
  AttentionShape shape;
  int64_t width, size;                       // C, d
  std::span<const int64_t> decision_begins;  // of each sequence's [H,T,T] block within drop.kept, if that is there
};

// q, k and v (or their gradients) of one sequence and head; rows are strides apart.
template <typename T>
struct HeadParts {
  T *q, *k, *v;  // of the op's first row of the sequence, of its first token
  int64_t q_stride, kv_stride;
};

// Some queries of a head, rows [begin, end) of its own, and the keys that any of them sees.
struct QueryBlock {
  int64_t begin, end;
  KeyRange range;
  int64_t queries() const { return end - begin; }
  int64_t keys() const { return range.end - range.begin; }
};

// Room for a row's dropout factors beyond them: they are drawn by eights, so that up to 7 come before the first.
constexpr int64_t kFactorRoom = 8 + kFactorSlack;

// The most queries of a block, and keys that they see. 128 x 512 scores are 256 KiB.
struct BlockLimits {
  int64_t queries, keys;
  BlockLimits(const AttentionShape& shape, int64_t length) : queries(128), keys(length) {
    constexpr int64_t kScores = 1 << 16;
    if (shape.window > 0) {
      queries = 64;  // fewer keys out of the window of most
      keys = shape.window < length ? std::min(length, 2 * shape.window + queries) : length;
    }
    while (queries > 32 && queries * keys > kScores) queries -= 32;
  }
};

// One (sequence, head).
struct AttentionHead {
  const AttentionCall* call;
  SequenceRows rows;
  int64_t head;
  DropoutRow row;            // of query 0
  const uint8_t* decisions;  // [T,T], or null

  AttentionHead(const AttentionCall& c, int64_t i)
      : call(&c),
        rows(rows_of(c.s, i / c.shape.heads)),
        head(i % c.shape.heads),
        row{c.s.first_key + static_cast<uint64_t>(i / c.shape.heads), static_cast<uint32_t>(head), 0},
        decisions(nullptr) {
    if (c.drop.kept != nullptr)
      decisions =
          c.drop.kept + c.decision_begins[static_cast<size_t>(i / c.shape.heads)] + head * rows.length * rows.length;
  }
  int64_t queries() const { return rows.end - rows.begin; }
  int64_t size() const { return call->size; }

  int64_t position(int64_t query) const {
    const auto& some = call->s.some;
    return some.empty() ? query : some[static_cast<size_t>(rows.begin + query)] - rows.first_token;
  }

  // Calls body(block) for all queries, in order. With a window, a block's positions are no farther apart than they
  // would be if all tokens asked.
  template <typename Body>
  void for_blocks(const Body& body) const {
    const BlockLimits most(call->shape, rows.length);
    for (int64_t begin = 0, end; begin < queries(); begin = end) {
      end = std::min(begin + most.queries, queries());
      while (call->shape.window > 0 && position(end - 1) - position(begin) >= most.queries) --end;
      body(QueryBlock{begin,
                      end,
                      {keys_of(call->shape, position(begin), rows.length).begin,
                       keys_of(call->shape, position(end - 1), rows.length).end}});
    }
  }
  template <typename T, typename Void>
  HeadParts<T> parts(const BasicTensor<Void>& q, const BasicTensor<Void>& kv) const {
    const int64_t column = head * size(), q_stride = q.dim[1], kv_stride = kv ? kv.dim[1] : q.dim[1];
    T* const queries_at = static_cast<T*>(q.data) + rows.begin * q_stride + column;
    T* const keys_at = kv ? static_cast<T*>(kv.data) + rows.first_token * kv_stride + column : queries_at + call->width;
    return {queries_at, keys_at, keys_at + call->width, q_stride, kv_stride};
  }
  template <typename T, typename Void>
  T* mixed(const BasicTensor<Void>& y) const {
    return static_cast<T*>(y.data) + rows.begin * call->width + head * size();
  }
  // What softmax and dropout need to know about a block but for where the numbers are.
  ScoreBlock scores_of(const QueryBlock& block, float* kept, DType type) const {
    ScoreBlock b{};
    b.kept = kept + 2 * ((rows.begin + block.begin) * call->shape.heads + head);
    b.kept_stride = 2 * call->shape.heads;
    b.queries = block.queries();
    b.keys = block.keys();
    b.first_key = block.range.begin;
    b.length = rows.length;
    b.shape = call->shape;
    b.scale = 1 / std::sqrt(static_cast<float>(size()));
    b.type = type;
    b.drop = call->drop;
    b.row = row;
    const auto& some = call->s.some;
    b.positions = some.empty() ? nullptr : some.data() + rows.begin + block.begin;
    b.first_position = some.empty() ? block.begin : rows.first_token;
    b.decisions = decisions;
    return b;
  }
};

// Calls compute(head, next) for the heads of one task: some of one sequence, one after another, so that the next one
// can be fetched meanwhile; next is null for the last. Many enough tasks are left for the threads to share.
class AttentionTasks {
 public:
  explicit AttentionTasks(const AttentionCall& call) : call_(call), all_(call.s.count() * call.shape.heads) {
    while (per_task_ < 4 && call.shape.heads % (2 * per_task_) == 0 && all_ / per_task_ >= 64) per_task_ *= 2;
  }
  int64_t count() const { return all_ / per_task_; }
  template <typename Compute>
  void run(int64_t task, const Compute& compute) const {
    AttentionHead head(call_, task * per_task_);
    for (int64_t i = task * per_task_ + 1; i < (task + 1) * per_task_; ++i) {
      const AttentionHead next(call_, i);
      compute(head, &next);
      head = next;
    }
    compute(head, nullptr);
  }

 private:
  const AttentionCall& call_;
  int64_t all_, per_task_ = 1;
};

// The most scores that a block of any sequence has.
struct Largest {
  int64_t length = 0, cells = 0;
  Largest(const AttentionShape& shape, const Sequences& s) : length(longest(s)) {
    for (size_t k = 0; k + 1 < s.offsets.size(); ++k) {
      const BlockLimits most(shape, s.offsets[k + 1] - s.offsets[k]);
      cells = std::max(cells, most.queries * most.keys);
    }
  }
};

// A worker's scratch memory, piece by piece.
class Scratch {
 public:
  explicit Scratch(float* memory) : next_(memory) {}
  // Float32 places that so many numbers of a kind take.
  static int64_t places(int64_t numbers, DType type) { return (numbers * size_of(type) + 63) / 64 * 16; }
  template <typename T>
  T* take(int64_t numbers) {
    T* const piece = reinterpret_cast<T*>(next_);
    next_ += places(numbers, std::is_same_v<T, float> ? DType::f32 : DType::bf16);
    return piece;
  }

 private:
  float* next_;
};

// Fetches the rows of a head that will be read soon into the second cache: they are pages apart, which the processor
// does not guess.
template <typename T>
void fetch_rows(const T* from, int64_t rows, int64_t columns, int64_t stride) {
  constexpr int64_t kLine = 64 / sizeof(T), kMost = 512;  // rows that the cache has room for
  for (int64_t r = 0; r < std::min(rows, kMost); ++r)
    for (int64_t c = 0; c < columns; c += kLine) __builtin_prefetch(from + r * stride + c, 0, 2);
}
template <typename T>
void fetch(const AttentionHead& at, const HeadParts<const T>& in) {
  fetch_rows(in.q, at.queries(), at.size(), in.q_stride);
  fetch_rows(in.k, at.rows.length, at.size(), in.kv_stride);
  fetch_rows(in.v, at.rows.length, at.size(), in.kv_stride);
}

template <typename T>
void head_forward(const Products& product, const AttentionHead& at, const AttentionHead* next, const Tensor& y,
                  const Tensor& kept, const ConstTensor& q, const ConstTensor& kv, int64_t cells, float* memory) {
  const auto in = at.parts<const T>(q, kv);
  const int64_t width = at.call->width;
  Scratch scratch(memory);
  auto* const scores = scratch.take<float>(cells);
  T* const dropped = std::is_same_v<T, float> ? reinterpret_cast<T*>(scores) : scratch.take<T>(cells);
  auto* const factors = scratch.take<float>(at.rows.length + kFactorRoom);
  at.for_blocks([&](const QueryBlock& block) {
    const int64_t keys = block.keys(), first = block.range.begin * in.kv_stride;
    product(scores, keys, MatrixView<T>{in.q + block.begin * in.q_stride, in.q_stride},
            {in.k + first, in.kv_stride, true}, block.queries(), keys, at.size());
    ScoreBlock rows = at.scores_of(block, kept.f32(), y.dtype);
    rows.scores = scores;
    rows.dropped = dropped;
    rows.factors = factors;
    if (next != nullptr && block.begin == 0) fetch(*next, next->parts<const T>(q, kv));
    softmax_forward(rows);
    product(at.mixed<T>(y) + block.begin * width, width, MatrixView<T>{dropped, keys}, {in.v + first, in.kv_stride},
            block.queries(), at.size(), keys);
  });
}

template <typename T>
void head_backward(const Products& product, const AttentionHead& at, const AttentionHead* next, const Tensor& d_q,
                   const Tensor& d_kv, const ConstTensor& d_y, const ConstTensor& kept, const ConstTensor& q,
                   const ConstTensor& kv, int64_t cells, float* memory) {
  const auto in = at.parts<const T>(q, kv);
  const auto out = at.parts<T>(d_q, d_kv);
  const int64_t length = at.rows.length, size = at.size(), width = at.call->width;
  Scratch scratch(memory);
  auto *const scores = scratch.take<float>(cells), *const d_dropped = scratch.take<float>(cells);
  T* const dropped = scratch.take<T>(cells);
  T* const d_scores = std::is_same_v<T, float> ? reinterpret_cast<T*>(d_dropped) : scratch.take<T>(cells);
  // Gather what all blocks of queries give.
  auto *const d_k = scratch.take<float>(length * size), *const d_v = scratch.take<float>(length * size);
  auto* const factors = scratch.take<float>(at.rows.length + kFactorRoom);
  const T* const d_out = at.mixed<const T>(d_y);
  const bool windowed = at.call->shape.window > 0;  // then the first block does not write all keys' gradients
  if (windowed || at.queries() == 0) {
    std::fill_n(d_k, length * size, 0.0f);
    std::fill_n(d_v, length * size, 0.0f);
  }
  at.for_blocks([&](const QueryBlock& block) {
    const bool add = windowed || block.begin > 0;
    const int64_t count = block.queries(), keys = block.keys(), first = block.range.begin;
    const T *const k = in.k + first * in.kv_stride, *const v = in.v + first * in.kv_stride;
    const MatrixView<T> d_mixed{d_out + block.begin * width, width};
    const MatrixView<T> queries{in.q + block.begin * in.q_stride, in.q_stride};
    product(scores, keys, queries, {k, in.kv_stride, true}, count, keys, size);
    product(d_dropped, keys, d_mixed, {v, in.kv_stride, true}, count, keys, size);
    ScoreBlock rows = at.scores_of(block, const_cast<float*>(kept.f32()), d_y.dtype);
    rows.scores = scores;
    rows.d_dropped = d_dropped;
    rows.dropped = dropped;
    rows.d_scores = d_scores;
    rows.factors = factors;
    if (next != nullptr && block.begin == 0) {
      fetch(*next, next->parts<const T>(q, kv));
      fetch_rows(next->mixed<const T>(d_y), next->queries(), size, width);
    }
    softmax_backward(rows);
    product(out.q + block.begin * out.q_stride, out.q_stride, MatrixView<T>{d_scores, keys}, {k, in.kv_stride}, count,
            size, keys);
    product(d_k + first * size, size, MatrixView<T>{d_scores, keys, true}, queries, keys, size, count, add);
    product(d_v + first * size, size, MatrixView<T>{dropped, keys, true}, d_mixed, keys, size, count, add);
  });
  store_attention_rows(out.k, d_k, length, size, out.kv_stride, d_y.dtype);
  store_attention_rows(out.v, d_v, length, size, out.kv_stride, d_y.dtype);
}

}  // namespace

// Where each sequence's explicit decisions begin, if there are any.
std::span<const int64_t> CpuBackend::decision_begins(const Sequences& s, int64_t heads, const Dropout& drop) {
  decision_begins_.clear();
  if (drop.kept == nullptr) return {};
  int64_t begin = 0;
  for (size_t k = 0; k + 1 < s.offsets.size(); ++k) {
    decision_begins_.push_back(begin);
    const int64_t length = s.offsets[k + 1] - s.offsets[k];
    begin += heads * length * length;
  }
  return decision_begins_;
}

void CpuBackend::do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape,
                              const Sequences& s, const Dropout& drop) {
  const int64_t width = y.dim[1];
  const Largest largest(shape, s);
  reserve(Scratch::places(largest.cells, DType::f32) +
          (y.dtype == DType::f32 ? 0 : Scratch::places(largest.cells, y.dtype)) +
          Scratch::places(largest.length + kFactorRoom, DType::f32));
  const auto compute = y.dtype == DType::f32 ? head_forward<float> : head_forward<bf16>;
  const AttentionCall call{s, drop, shape, width, width / shape.heads, decision_begins(s, shape.heads, drop)};
  const AttentionTasks tasks(call);
  for_each(tasks.count(), [&](int64_t task, int worker) {
    tasks.run(task, [&](const AttentionHead& head, const AttentionHead* next) {
      compute(products_, head, next, y, kept, q, kv, largest.cells, scratch_of(worker));
    });
  });
}

void CpuBackend::do_attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q,
                                       ConstTensor kv, const AttentionShape& shape, const Sequences& s,
                                       const Dropout& drop) {
  const int64_t width = d_y.dim[1], size = width / shape.heads;
  const Largest largest(shape, s);
  reserve(2 * Scratch::places(largest.cells, DType::f32) +
          (d_y.dtype == DType::f32 ? 1 : 2) * Scratch::places(largest.cells, d_y.dtype) +
          2 * Scratch::places(largest.length * size, DType::f32) +
          Scratch::places(largest.length + kFactorRoom, DType::f32));
  const auto compute = d_y.dtype == DType::f32 ? head_backward<float> : head_backward<bf16>;
  const AttentionCall call{s, drop, shape, width, size, decision_begins(s, shape.heads, drop)};
  const AttentionTasks tasks(call);
  for_each(tasks.count(), [&](int64_t task, int worker) {
    tasks.run(task, [&](const AttentionHead& head, const AttentionHead* next) {
      compute(products_, head, next, d_q, d_kv, d_y, kept, q, kv, largest.cells, scratch_of(worker));
    });
  });
}

}  // namespace tekio
