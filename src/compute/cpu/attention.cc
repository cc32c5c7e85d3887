// Self-attention within each packed sequence: one task a (sequence, head), its queries in blocks, so that a block's
// scores stay in the second cache. Products are of strided parts of q, k and v; what is done to rows of scores is in
// attention_rows.cc. Scores and their gradients are float32 until they are factors of a product. Backward computes the
// scores again, by the same products: the same bits. Formulas: ref/attention.cc.
#include <cmath>

#include "compute/cpu/attention_products.h"
#include "compute/cpu/attention_rows.h"
#include "compute/cpu/cpu_backend.h"

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

constexpr int64_t kMostQueries = 128;  // of a block
// Queries whose scores are there at a time, in float32: few, so that they stay in the nearest caches. Multiples of the
// rows that a product takes at once.
constexpr int64_t kPart = 48;
int64_t part_of(const Products& product, DType type, int64_t keys) {
  const bool tiles = type == DType::bf16 && product.by() == kernels::Instructions::amx;  // of 16 rows
  return keys <= 256 || tiles ? kPart : 12;
}

// Some queries of a head, rows [begin, end) of its own, and the keys that any of them sees.
struct QueryBlock {
  int64_t begin, end;
  KeyRange range;
  int64_t queries() const { return end - begin; }
  int64_t keys() const { return range.end - range.begin; }
  // Numbers from a row of factors to the next: an odd number of cache lines, since they are also read by columns.
  int64_t stride() const { return row_stride(keys()); }
  static int64_t row_stride(int64_t keys) { return ((keys + 31) / 32 | 1) * 32; }
  // Calls body(part) for its queries, so many at a time, in order.
  template <typename Body>
  void for_parts(int64_t size, const Body& body) const {
    for (int64_t i = begin; i < end; i += size) body(QueryBlock{i, std::min(i + size, end), range});
  }
};

// Room for a row's dropout factors beyond them: they are drawn by eights, so that up to 7 come before the first.
constexpr int64_t kFactorRoom = 8 + kFactorSlack;

// A block's keys begin, and end but at the last one, at multiples of this, since packed factors are cut there.
constexpr int64_t kUnit = kernels::kTileDepth;

// The most queries of a block, and keys that they see. Many queries, since each block reads and writes all gradients of
// the keys that it sees; with a window fewer, so that fewer of the block's keys are out of the window of most.
struct BlockLimits {
  int64_t queries = kMostQueries, keys;
  BlockLimits(const AttentionShape& shape, int64_t length) : keys(length) {
    if (shape.window == 0) return;
    queries = 64;
    if (shape.window < length) keys = std::min(length, 2 * shape.window + queries + 2 * kUnit);
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
      const int64_t first = keys_of(call->shape, position(begin), rows.length).begin;
      const int64_t last = keys_of(call->shape, position(end - 1), rows.length).end;
      body(QueryBlock{begin, end, {first / kUnit * kUnit, std::min((last + kUnit - 1) / kUnit * kUnit, rows.length)}});
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
    b.stride = block.stride();
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
// can be fetched meanwhile; next is null for the last. Before all calls fetch(head) for the first. Many enough tasks
// are left for the threads to share.
class AttentionTasks {
 public:
  explicit AttentionTasks(const AttentionCall& call) : call_(call), all_(call.s.count() * call.shape.heads) {
    while (per_task_ < 4 && call.shape.heads % (2 * per_task_) == 0 && all_ / per_task_ >= 64) per_task_ *= 2;
  }
  int64_t count() const { return all_ / per_task_; }
  template <typename Fetch, typename Compute>
  void run(int64_t task, const Fetch& fetch, const Compute& compute) const {
    AttentionHead head(call_, task * per_task_);
    fetch(head);
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

// The most that any sequence has: tokens, pairs of a query and a key in a block, and scores that are there at a time.
struct Largest {
  int64_t length = 0, cells = 0, scores = 0;
  Largest(const AttentionShape& shape, const Sequences& s) : length(longest(s)) {
    for (size_t k = 0; k + 1 < s.offsets.size(); ++k) {
      const BlockLimits most(shape, s.offsets[k + 1] - s.offsets[k]);
      cells = std::max(cells, most.queries * QueryBlock::row_stride(most.keys));
      scores = std::max(scores, std::min(most.queries, kPart) * most.keys);
    }
  }
};

// Fetches the rows of a head that will soon be read, or written, into the second cache: they are pages apart, which the
// processor does not guess.
template <bool kToWrite, typename T>
void fetch_rows(const T* from, int64_t rows, int64_t columns, int64_t stride) {
  constexpr int64_t kLine = 64 / sizeof(T), kMost = 512;  // rows that the cache has room for
  for (int64_t r = 0; r < std::min(rows, kMost); ++r)
    for (int64_t c = 0; c < columns; c += kLine) __builtin_prefetch(from + r * stride + c, kToWrite ? 1 : 0, 2);
}
template <bool kToWrite, typename T>
void fetch(const AttentionHead& at, const HeadParts<T>& parts) {
  fetch_rows<kToWrite>(parts.q, at.queries(), at.size(), parts.q_stride);
  fetch_rows<kToWrite>(parts.k, at.rows.length, at.size(), parts.kv_stride);
  fetch_rows<kToWrite>(parts.v, at.rows.length, at.size(), parts.kv_stride);
}

template <typename T>
void fetch_forward(const AttentionHead& at, const Tensor& y, const ConstTensor& q, const ConstTensor& kv) {
  if (at.queries() == 0) return;
  fetch<false>(at, at.parts<const T>(q, kv));
  fetch_rows<true>(at.mixed<T>(y), at.queries(), at.size(), at.call->width);
}
template <typename T>
void fetch_backward(const AttentionHead& at, const Tensor& d_q, const Tensor& d_kv, const ConstTensor& d_y,
                    const ConstTensor& q, const ConstTensor& kv) {
  fetch<false>(at, at.parts<const T>(q, kv));
  fetch_rows<false>(at.mixed<const T>(d_y), at.queries(), at.size(), at.call->width);
  fetch<true>(at, at.parts<T>(d_q, d_kv));
}

// The memory that a head's forward and backward take, in float32 places.
template <typename T>
int64_t forward_places(const Largest& most, int64_t size) {
  return Scratch::places<float>(most.scores) + Scratch::places<T>(most.cells) +
         Scratch::places<float>(most.length + kFactorRoom) + PackedFactor<T>::places(size, most.length) +
         PackedFactor<T>::places(most.length, size);
}
template <typename T>
int64_t backward_places(const Largest& most, int64_t size) {
  return forward_places<T>(most, size) + Scratch::places<float>(most.scores) + Scratch::places<T>(most.cells) +
         2 * KeyGradient<T>::places(most.length, size) + PackedFactor<T>::places(size, most.length) +
         PackedFactor<T>::places(kMostQueries, size);
}

template <typename T>
void head_forward(const Products& product, const AttentionHead& at, const AttentionHead* next, const Tensor& y,
                  const Tensor& kept, const ConstTensor& q, const ConstTensor& kv, const Largest& most, float* memory) {
  if (at.queries() == 0) return;
  const auto in = at.parts<const T>(q, kv);
  const int64_t length = at.rows.length, size = at.size(), width = at.call->width;
  Scratch scratch(memory);
  auto* const scores = scratch.take<float>(most.scores);
  T* const dropped = scratch.take<T>(most.cells);
  auto* const factors = scratch.take<float>(length + kFactorRoom);
  const PackedFactor<T> keys(product, {in.k, in.kv_stride, true}, size, length, at.queries(), scratch);
  const PackedFactor<T> values(product, {in.v, in.kv_stride}, length, size, at.queries(), scratch);
  at.for_blocks([&](const QueryBlock& block) {
    block.for_parts(part_of(product, y.dtype, block.keys()), [&](const QueryBlock& part) {
      keys.multiply_columns(scores, {in.q + part.begin * in.q_stride, in.q_stride}, part.queries(), block.queries(),
                            part.range);
      ScoreBlock rows = at.scores_of(part, kept.f32(), y.dtype);
      rows.scores = scores;
      rows.dropped = dropped + (part.begin - block.begin) * block.stride();
      rows.factors = factors;
      if (next != nullptr && part.begin == 0) fetch_forward<T>(*next, y, q, kv);
      softmax_forward(rows);
    });
    values.multiply_rows(at.mixed<T>(y) + block.begin * width, width, {dropped, block.stride()}, block.queries(),
                         block.range);
  });
}

template <typename T>
void head_backward(const Products& product, const AttentionHead& at, const AttentionHead* next, const Tensor& d_q,
                   const Tensor& d_kv, const ConstTensor& d_y, const ConstTensor& kept, const ConstTensor& q,
                   const ConstTensor& kv, const Largest& most, float* memory) {
  const auto in = at.parts<const T>(q, kv);
  const auto out = at.parts<T>(d_q, d_kv);
  const int64_t length = at.rows.length, size = at.size(), width = at.call->width;
  Scratch scratch(memory);
  const bool all_keys = at.call->shape.window == 0 && at.queries() > 0;
  const bool one_block = all_keys && at.queries() <= BlockLimits(at.call->shape, length).queries;
  KeyGradient<T> d_keys(product, out.k, out.kv_stride, length, size, all_keys, one_block, scratch);
  KeyGradient<T> d_values(product, out.v, out.kv_stride, length, size, all_keys, one_block, scratch);
  if (at.queries() > 0) {
    auto *const scores = scratch.take<float>(most.scores), *const d_dropped = scratch.take<float>(most.scores);
    T *const dropped = scratch.take<T>(most.cells), *const d_scores = scratch.take<T>(most.cells);
    auto* const factors = scratch.take<float>(length + kFactorRoom);
    const PackedFactor<T> keys_across(product, {in.k, in.kv_stride, true}, size, length, at.queries(), scratch);
    const PackedFactor<T> values_across(product, {in.v, in.kv_stride, true}, size, length, at.queries(), scratch);
    const PackedFactor<T> keys(product, {in.k, in.kv_stride}, length, size, at.queries(), scratch);
    const T* const d_out = at.mixed<const T>(d_y);
    at.for_blocks([&](const QueryBlock& block) {
      block.for_parts(part_of(product, d_y.dtype, block.keys()), [&](const QueryBlock& part) {
        const int64_t count = part.queries(), done = (part.begin - block.begin) * block.stride();
        keys_across.multiply_columns(scores, {in.q + part.begin * in.q_stride, in.q_stride}, count, block.queries(),
                                     part.range);
        values_across.multiply_columns(d_dropped, {d_out + part.begin * width, width}, count, block.queries(),
                                       part.range);
        ScoreBlock rows = at.scores_of(part, const_cast<float*>(kept.f32()), d_y.dtype);
        rows.scores = scores;
        rows.d_dropped = d_dropped;
        rows.dropped = dropped + done;
        rows.d_scores = d_scores + done;
        rows.factors = factors;
        if (next != nullptr && part.begin == 0) fetch_backward<T>(*next, d_q, d_kv, d_y, q, kv);
        softmax_backward(rows);
      });
      const int64_t count = block.queries();
      keys.multiply_rows(out.q + block.begin * out.q_stride, out.q_stride, {d_scores, block.stride()}, count,
                         block.range);
      d_keys.add(d_scores, block.stride(), block.range, in.q + block.begin * in.q_stride, in.q_stride, count, scratch);
      d_values.add(dropped, block.stride(), block.range, d_out + block.begin * width, width, count, scratch);
    });
  }
  d_keys.finish();
  d_values.finish();
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

void CpuBackend::run(const verb::Attention& op) {
  const int64_t width = op.y.dim[1], size = width / op.shape.heads;
  const Largest most(op.shape, op.s);
  const bool f32 = op.y.dtype == DType::f32;
  reserve(f32 ? forward_places<float>(most, size) : forward_places<bf16>(most, size));
  const auto fetch = f32 ? fetch_forward<float> : fetch_forward<bf16>;
  const auto compute = f32 ? head_forward<float> : head_forward<bf16>;
  const AttentionCall call{op.s, op.drop, op.shape, width, size, decision_begins(op.s, op.shape.heads, op.drop)};
  const AttentionTasks tasks(call);
  for_each(tasks.count(), [&](int64_t task, int worker) {
    const auto fetch_head = [&](const AttentionHead& head) { fetch(head, op.y, op.q, op.kv); };
    tasks.run(task, fetch_head, [&](const AttentionHead& head, const AttentionHead* next) {
      compute(products_, head, next, op.y, op.kept, op.q, op.kv, most, scratch_of(worker));
    });
  });
}

void CpuBackend::run(const verb::AttentionBackward& op) {
  const int64_t width = op.d_y.dim[1], size = width / op.shape.heads;
  const Largest most(op.shape, op.s);
  const bool f32 = op.d_y.dtype == DType::f32;
  reserve(f32 ? backward_places<float>(most, size) : backward_places<bf16>(most, size));
  const auto fetch = f32 ? fetch_backward<float> : fetch_backward<bf16>;
  const auto compute = f32 ? head_backward<float> : head_backward<bf16>;
  const AttentionCall call{op.s, op.drop, op.shape, width, size, decision_begins(op.s, op.shape.heads, op.drop)};
  const AttentionTasks tasks(call);
  for_each(tasks.count(), [&](int64_t task, int worker) {
    const auto fetch_head = [&](const AttentionHead& head) { fetch(head, op.d_q, op.d_kv, op.d_y, op.q, op.kv); };
    tasks.run(task, fetch_head, [&](const AttentionHead& head, const AttentionHead* next) {
      compute(products_, head, next, op.d_q, op.d_kv, op.d_y, op.kept, op.q, op.kv, most, scratch_of(worker));
    });
  });
}

}  // namespace tekio
