// How attention's work is cut: each sequence into its heads, a head's queries into blocks, a block's into parts.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "compute/cpu/attention_rows.h"
#include "compute/cpu/cpu_backend.h"

namespace tekio {

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
inline int64_t part_of(const Products& product, DType type, int64_t keys) {
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

  // The block whose first query is `begin`. With a window, its positions are no farther apart than they would be if all
  // tokens asked.
  QueryBlock block_at(int64_t begin) const {
    const BlockLimits most(call->shape, rows.length);
    int64_t end = std::min(begin + most.queries, queries());
    while (call->shape.window > 0 && position(end - 1) - position(begin) >= most.queries) --end;
    const int64_t first = keys_of(call->shape, position(begin), rows.length).begin;
    const int64_t last = keys_of(call->shape, position(end - 1), rows.length).end;
    return {begin, end, {first / kUnit * kUnit, std::min((last + kUnit - 1) / kUnit * kUnit, rows.length)}};
  }
  // Calls body(block) for all queries, in order.
  template <typename Body>
  void for_blocks(const Body& body) const {
    for (int64_t begin = 0; begin < queries();) {
      const QueryBlock block = block_at(begin);
      body(block);
      begin = block.end;
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

}  // namespace tekio
