// Self-attention within each packed sequence: one task a (sequence, head), its queries in blocks, so that a block's
// scores stay in the second cache. Products are of strided parts of q, k and v; softmax and dropout are own
// kernels. Scores and their gradients are float32 until they are factors of a product. Formulas: ref/attention.cc.
#include <cmath>

#include "compute/cpu/cpu_backend.h"
#include "compute/cpu/product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/attention.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/softmax-inl.h"
#include "compute/cpu/vector-inl.h"

#ifndef TEKIO_COMPUTE_CPU_ATTENTION_CC_
#define TEKIO_COMPUTE_CPU_ATTENTION_CC_
namespace tekio {
constexpr int64_t kQueries = 128;  // in a block: 128 x 512 scores are 256 KiB

// Some queries of one sequence and head, and all keys: rows of `keys` numbers, one after another.
struct ScoreBlock {
  float* scores;  // in forward q k^T, overwritten; in backward the gradients of the dropped probabilities, likewise
  void* probabilities;  // of `type`; backward reads them
  void* dropped;        // of `type`: the probabilities times dropout's factors; not written where dropout is off
  void* d_scores;       // of `type`: backward's gradients of scores, times `scale`
  float* factors;       // room for a row of them
  int64_t queries, keys;
  float scale;  // of scores: 1 / sqrt(d)
  DType type;
  Dropout drop;
  DropoutRow row;            // its position is `first_position` + the query's number, or as `positions` say
  const int32_t* positions;  // null: one after another
  int64_t first_position;
  const uint8_t* decisions;  // explicit ones of the sequence and head, [T,T], or null
};
}  // namespace tekio
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

HWY_INLINE void query_factors(const ScoreBlock& b, int64_t query) {
  DropoutRow row = b.row;
  const int64_t position = b.positions != nullptr ? b.positions[query] - b.first_position : b.first_position + query;
  row.position = static_cast<uint32_t>(position);
  const uint8_t* decisions = b.decisions != nullptr ? b.decisions + position * b.keys : nullptr;
  dropout_factors(b.drop, row, decisions, b.keys, b.factors);
}

void softmax_and_drop(const ScoreBlock& b) {
  with_numbers(b.type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    for (int64_t query = 0; query < b.queries; ++query) {
      float* const scores = b.scores + query * b.keys;
      T* const p = static_cast<T*>(b.probabilities) + query * b.keys;
      const VF inverse = set(1 / exponentials(scores, scores, b.keys, row_maximum(scores, b.keys), b.scale));
      if (b.drop.on()) {
        query_factors(b, query);
        T* const dropped = static_cast<T*>(b.dropped) + query * b.keys;
        for_vectors(b.keys, [&](int64_t c, auto io) HWY_ATTR {
          const VF value = hn::Mul(io.load(scores + c), inverse);
          io.store(value, p + c);
          io.store(hn::Mul(value, io.load(b.factors + c)), dropped + c);
        });
      } else {
        for_vectors(b.keys,
                    [&](int64_t c, auto io) HWY_ATTR { io.store(hn::Mul(io.load(scores + c), inverse), p + c); });
      }
    }
  });
}

void softmax_backward(const ScoreBlock& b) {
  with_numbers(b.type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    for (int64_t query = 0; query < b.queries; ++query) {
      float* const d_p = b.scores + query * b.keys;
      const T* const p = static_cast<const T*>(b.probabilities) + query * b.keys;
      T* const d_scores = static_cast<T*>(b.d_scores) + query * b.keys;
      VF inner = set(0);
      if (b.drop.on()) {
        query_factors(b, query);
        T* const dropped = static_cast<T*>(b.dropped) + query * b.keys;
        for_vectors(b.keys, [&](int64_t c, auto io) HWY_ATTR {
          const VF kept = io.load(p + c), factor = io.load(b.factors + c), d = hn::Mul(io.load(d_p + c), factor);
          io.store(hn::Mul(kept, factor), dropped + c);
          io.store(d, d_p + c);
          inner = hn::MulAdd(kept, d, inner);
        });
      } else {
        for_vectors(b.keys,
                    [&](int64_t c, auto io) HWY_ATTR { inner = hn::MulAdd(io.load(p + c), io.load(d_p + c), inner); });
      }
      const VF sum = set(sum_of(inner)), scale = set(b.scale);
      for_vectors(b.keys, [&](int64_t c, auto io) HWY_ATTR {
        io.store(hn::Mul(hn::Mul(io.load(p + c), hn::Sub(io.load(d_p + c), sum)), scale), d_scores + c);
      });
    }
  });
}

// Rows of `columns` float32 numbers, to rows of `type` that are `stride` apart.
void store_rows(void* to, const float* from, int64_t rows, int64_t columns, int64_t stride, DType type) {
  with_numbers(type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    for (int64_t r = 0; r < rows; ++r) {
      T* const row = static_cast<T*>(to) + r * stride;
      for_vectors(columns, [&](int64_t c, auto io) HWY_ATTR { io.store(io.load(from + r * columns + c), row + c); });
    }
  });
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(softmax_and_drop);
HWY_EXPORT(softmax_backward);
HWY_EXPORT(store_rows);
namespace {

// q, k and v (or their gradients) of one sequence and head; rows are strides apart.
template <typename T>
struct HeadParts {
  T *q, *k, *v;  // of the op's first row of the sequence, of its first token
  int64_t q_stride, kv_stride;
};

// One task: a (sequence, head).
struct AttentionHead {
  SequenceRows rows;
  int64_t head, size, width;  // d, C
  int64_t kept_begin;         // of its [rows, T] block within `kept`
  int64_t decisions_begin;    // of its [T, T] block within drop.kept
  DropoutRow row;             // of query 0

  AttentionHead(int64_t i, int64_t heads, int64_t channels, const Sequences& s)
      : rows(rows_of(s, i / heads)),
        head(i % heads),
        size(channels / heads),
        width(channels),
        kept_begin(0),
        decisions_begin(0),
        row{s.first_key + static_cast<uint64_t>(i / heads), static_cast<uint32_t>(head), 0} {
    for (int64_t k = 0; k < i / heads; ++k) {
      const SequenceRows before = rows_of(s, k);
      kept_begin += heads * (before.end - before.begin) * before.length;
      decisions_begin += heads * before.length * before.length;
    }
    kept_begin += head * (rows.end - rows.begin) * rows.length;
    decisions_begin += head * rows.length * rows.length;
  }
  int64_t queries() const { return rows.end - rows.begin; }

  template <typename T, typename Void>
  HeadParts<T> parts(const BasicTensor<Void>& q, const BasicTensor<Void>& kv) const {
    const int64_t column = head * size, q_stride = q.dim[1], kv_stride = kv ? kv.dim[1] : q.dim[1];
    T* const queries_at = static_cast<T*>(q.data) + rows.begin * q_stride + column;
    T* const keys_at = kv ? static_cast<T*>(kv.data) + rows.first_token * kv_stride + column : queries_at + width;
    return {queries_at, keys_at, keys_at + width, q_stride, kv_stride};
  }
  template <typename T, typename Void>
  T* mixed(const BasicTensor<Void>& y) const {
    return static_cast<T*>(y.data) + rows.begin * width + head * size;
  }
  // What softmax and dropout need to know about the queries [begin, end) but for where the numbers are.
  ScoreBlock block(const Sequences& s, const Dropout& drop, int64_t begin, int64_t end, DType type) const {
    ScoreBlock b{};
    b.queries = end - begin;
    b.keys = rows.length;
    b.scale = 1 / std::sqrt(static_cast<float>(size));
    b.type = type;
    b.drop = drop;
    b.row = row;
    b.positions = s.some.empty() ? nullptr : s.some.data() + rows.begin + begin;
    b.first_position = s.some.empty() ? begin : rows.first_token;
    b.decisions = drop.kept != nullptr ? drop.kept + decisions_begin : nullptr;
    return b;
  }
};

// Calls compute(head, next) for the heads of one task: some of one sequence, one after another, so that the next one
// can be fetched meanwhile; next is null for the last. Many enough tasks are left for the threads to share.
class AttentionTasks {
 public:
  AttentionTasks(const Sequences& s, int64_t heads, int64_t width) : s_(s), heads_(heads), width_(width) {
    while (per_task_ < 4 && heads % (2 * per_task_) == 0 && s.count() * heads / per_task_ >= 64) per_task_ *= 2;
  }
  int64_t count() const { return s_.count() * heads_ / per_task_; }
  template <typename Compute>
  void run(int64_t task, const Compute& compute) const {
    AttentionHead head(task * per_task_, heads_, width_, s_);
    for (int64_t i = task * per_task_ + 1; i < (task + 1) * per_task_; ++i) {
      const AttentionHead next(i, heads_, width_, s_);
      compute(head, &next);
      head = next;
    }
    compute(head, nullptr);
  }

 private:
  const Sequences& s_;
  int64_t heads_, width_, per_task_ = 1;
};

int64_t longest(const Sequences& s) {
  int64_t length = 0;
  for (size_t k = 0; k + 1 < s.offsets.size(); ++k) length = std::max<int64_t>(length, s.offsets[k + 1] - s.offsets[k]);
  return length;
}

// Float32 places that so many numbers of a kind take.
int64_t places(int64_t numbers, DType type) { return (numbers * size_of(type) + 63) / 64 * 16; }

// Fetches the rows of a head that will be read soon into the second cache: they are pages apart, which the processor
// does not guess.
template <typename T>
void fetch_rows(const T* from, int64_t rows, int64_t columns, int64_t stride) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; c += kLine) __builtin_prefetch(from + r * stride + c, 0, 2);
}
template <typename T>
void fetch(const AttentionHead& at, const HeadParts<const T>& in) {
  fetch_rows(in.q, at.queries(), at.size, in.q_stride);
  fetch_rows(in.k, at.rows.length, at.size, in.kv_stride);
  fetch_rows(in.v, at.rows.length, at.size, in.kv_stride);
}

template <typename T>
void head_forward(const Products& product, const AttentionHead& at, const AttentionHead* next, const Tensor& y,
                  const Tensor& kept, const ConstTensor& q, const ConstTensor& kv, const Sequences& s,
                  const Dropout& drop, float* scratch) {
  const auto in = at.parts<const T>(q, kv);
  const int64_t length = at.rows.length, cells = kQueries * length;
  float* const scores = scratch;
  T* const dropped = reinterpret_cast<T*>(scores + places(cells, DType::f32));
  float* const factors = scores + places(cells, DType::f32) + places(cells, y.dtype);
  for (int64_t begin = 0; begin < at.queries(); begin += kQueries) {
    const int64_t end = std::min(begin + kQueries, at.queries()), queries = end - begin;
    T* const p = static_cast<T*>(kept.data) + at.kept_begin + begin * length;
    product(scores, length, MatrixView<T>{in.q + begin * in.q_stride, in.q_stride}, {in.k, in.kv_stride, true}, queries,
            length, at.size);
    ScoreBlock block = at.block(s, drop, begin, end, y.dtype);
    block.scores = scores;
    block.probabilities = p;
    block.dropped = dropped;
    block.factors = factors;
    if (next != nullptr && begin == 0) fetch(*next, next->parts<const T>(q, kv));
    HWY_DYNAMIC_DISPATCH(softmax_and_drop)(block);
    product(at.mixed<T>(y) + begin * at.width, at.width, MatrixView<T>{drop.on() ? dropped : p, length},
            {in.v, in.kv_stride}, queries, at.size, length);
  }
}

template <typename T>
void head_backward(const Products& product, const AttentionHead& at, const AttentionHead* next, const Tensor& d_q,
                   const Tensor& d_kv, const ConstTensor& d_y, const ConstTensor& kept, const ConstTensor& q,
                   const ConstTensor& kv, const Sequences& s, const Dropout& drop, float* scratch) {
  const auto in = at.parts<const T>(q, kv);
  const auto out = at.parts<T>(d_q, d_kv);
  const int64_t length = at.rows.length, cells = kQueries * length, size = at.size;
  float* const d_p = scratch;
  T* const dropped = reinterpret_cast<T*>(d_p + places(cells, DType::f32));
  T* const d_scores = reinterpret_cast<T*>(d_p + places(cells, DType::f32) + places(cells, d_y.dtype));
  float* const d_k = d_p + places(cells, DType::f32) + 2 * places(cells, d_y.dtype);  // gathers all blocks of queries
  float* const d_v = d_k + length * size;
  float* const factors = d_v + length * size;
  const T* const d_out = at.mixed<const T>(d_y);
  if (at.queries() == 0) std::fill_n(d_k, 2 * length * size, 0.0f);
  for (int64_t begin = 0; begin < at.queries(); begin += kQueries) {
    const int64_t end = std::min(begin + kQueries, at.queries()), queries = end - begin;
    const MatrixView<T> d_mixed{d_out + begin * at.width, at.width};
    T* const p = static_cast<T*>(const_cast<void*>(kept.data)) + at.kept_begin + begin * length;
    product(d_p, length, d_mixed, {in.v, in.kv_stride, true}, queries, length, size);
    ScoreBlock block = at.block(s, drop, begin, end, d_y.dtype);
    block.scores = d_p;
    block.probabilities = p;
    block.dropped = dropped;
    block.d_scores = d_scores;
    block.factors = factors;
    if (next != nullptr && begin == 0) {
      fetch(*next, next->parts<const T>(q, kv));
      fetch_rows(next->mixed<const T>(d_y), next->queries(), size, next->width);
    }
    HWY_DYNAMIC_DISPATCH(softmax_backward)(block);
    product(out.q + begin * out.q_stride, out.q_stride, MatrixView<T>{d_scores, length}, {in.k, in.kv_stride}, queries,
            size, length);
    product(d_k, size, MatrixView<T>{d_scores, length, true}, {in.q + begin * in.q_stride, in.q_stride}, length, size,
            queries, begin > 0);
    product(d_v, size, MatrixView<T>{drop.on() ? dropped : p, length, true}, d_mixed, length, size, queries, begin > 0);
  }
  HWY_DYNAMIC_DISPATCH(store_rows)(out.k, d_k, length, size, out.kv_stride, d_y.dtype);
  HWY_DYNAMIC_DISPATCH(store_rows)(out.v, d_v, length, size, out.kv_stride, d_y.dtype);
}

}  // namespace

void CpuBackend::do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, int64_t heads, const Sequences& s,
                              const Dropout& drop) {
  const int64_t most = longest(s), cells = kQueries * most;
  reserve(places(cells, DType::f32) + places(cells, y.dtype) + most + kFactorSlack);
  const auto compute = y.dtype == DType::f32 ? head_forward<float> : head_forward<bf16>;
  const AttentionTasks tasks(s, heads, y.dim[1]);
  for_each(tasks.count(), [&](int64_t task, int worker) {
    tasks.run(task, [&](const AttentionHead& head, const AttentionHead* next) {
      compute(products_, head, next, y, kept, q, kv, s, drop, scratch_of(worker));
    });
  });
}

void CpuBackend::do_attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q,
                                       ConstTensor kv, int64_t heads, const Sequences& s, const Dropout& drop) {
  const int64_t most = longest(s), cells = kQueries * most, size = d_y.dim[1] / heads;
  reserve(places(cells, DType::f32) + 2 * places(cells, d_y.dtype) + 2 * most * size + most + kFactorSlack);
  const auto compute = d_y.dtype == DType::f32 ? head_backward<float> : head_backward<bf16>;
  const AttentionTasks tasks(s, heads, d_y.dim[1]);
  for_each(tasks.count(), [&](int64_t task, int worker) {
    tasks.run(task, [&](const AttentionHead& head, const AttentionHead* next) {
      compute(products_, head, next, d_q, d_kv, d_y, kept, q, kv, s, drop, scratch_of(worker));
    });
  });
}

}  // namespace tekio
#endif  // HWY_ONCE
