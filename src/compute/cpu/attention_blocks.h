// Attention forward and backward of one block of queries, and of one head, block by block.
#pragma once

#include "compute/cpu/attention_heads.h"
#include "compute/cpu/attention_products.h"

namespace tekio {

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
void fetch_forward(const AttentionHead& at, const verb::Attention& op) {
  if (at.queries() == 0) return;
  fetch<false>(at, at.parts<const T>(op.q, op.kv));
  fetch_rows<true>(at.mixed<T>(op.y), at.queries(), at.size(), at.call->width);
}
template <typename T>
void fetch_backward(const AttentionHead& at, const verb::AttentionBackward& op) {
  fetch<false>(at, at.parts<const T>(op.q, op.kv));
  fetch_rows<false>(at.mixed<const T>(op.d_y), at.queries(), at.size(), at.call->width);
  fetch<true>(at, at.parts<T>(op.d_q, op.d_kv));
}

// What forward's products of a head share.
template <typename T>
struct ForwardFactors {
  PackedFactor<T> keys, values;
  static int64_t places(int64_t length, int64_t size) {
    return PackedFactor<T>::places(size, length) + PackedFactor<T>::places(length, size);
  }
};
template <typename T>
ForwardFactors<T> factors_of(const Products& product, const AttentionHead& at, const verb::Attention& op,
                             Scratch& scratch, Prepared prepared = Prepared::now) {
  const auto in = at.parts<const T>(op.q, op.kv);
  const int64_t length = at.rows.length, size = at.size(), queries = at.queries();
  return {{product, {in.k, in.kv_stride, true}, size, length, queries, scratch, prepared},
          {product, {in.v, in.kv_stride}, length, size, queries, scratch, prepared}};
}

// Room for a block on its way forward.
template <typename T>
struct ForwardRoom {
  float *scores, *factors;
  T* dropped;
  ForwardRoom(const Largest& most, Scratch& scratch)
      : scores(scratch.take<float>(most.scores)),
        factors(scratch.take<float>(most.length + kFactorRoom)),
        dropped(scratch.take<T>(most.cells)) {}
  static int64_t places(const Largest& most) {
    return Scratch::places<float>(most.scores) + Scratch::places<float>(most.length + kFactorRoom) +
           Scratch::places<T>(most.cells);
  }
};

// `next`: a head to be fetched meanwhile, or null.
template <typename T>
void block_forward(const Products& product, const AttentionHead& at, const QueryBlock& block, const AttentionHead* next,
                   const verb::Attention& op, const ForwardFactors<T>& factors, const ForwardRoom<T>& room) {
  const auto in = at.parts<const T>(op.q, op.kv);
  const int64_t width = at.call->width;
  block.for_parts(part_of(product, op.y.dtype, block.keys()), [&](const QueryBlock& part) {
    factors.keys.multiply_columns(room.scores, {in.q + part.begin * in.q_stride, in.q_stride}, part.queries(),
                                  block.queries(), part.range);
    ScoreBlock rows = at.scores_of(part, op.kept.f32(), op.y.dtype);
    rows.scores = room.scores;
    rows.dropped = room.dropped + (part.begin - block.begin) * block.stride();
    rows.factors = room.factors;
    if (next != nullptr && part.begin == 0) fetch_forward<T>(*next, op);
    softmax_forward(rows);
  });
  factors.values.multiply_rows(at.mixed<T>(op.y) + block.begin * width, width, {room.dropped, block.stride()},
                               block.queries(), block.range);
}

template <typename T>
void head_forward(const Products& product, const AttentionHead& at, const AttentionHead* next,
                  const verb::Attention& op, const Largest& most, float* memory) {
  if (at.queries() == 0) return;
  Scratch scratch(memory);
  const ForwardRoom<T> room(most, scratch);
  const ForwardFactors<T> factors = factors_of<T>(product, at, op, scratch);
  at.for_blocks([&](const QueryBlock& block) { block_forward(product, at, block, next, op, factors, room); });
}

// What backward's products of a head share.
template <typename T>
struct BackwardFactors {
  PackedFactor<T> keys_across, values_across, keys;
  static int64_t places(int64_t length, int64_t size) {
    return 2 * PackedFactor<T>::places(size, length) + PackedFactor<T>::places(length, size);
  }
};
template <typename T>
BackwardFactors<T> factors_of(const Products& product, const AttentionHead& at, const verb::AttentionBackward& op,
                              Scratch& scratch, Prepared prepared = Prepared::now) {
  const auto in = at.parts<const T>(op.q, op.kv);
  const int64_t length = at.rows.length, size = at.size(), queries = at.queries();
  return {{product, {in.k, in.kv_stride, true}, size, length, queries, scratch, prepared},
          {product, {in.v, in.kv_stride, true}, size, length, queries, scratch, prepared},
          {product, {in.k, in.kv_stride}, length, size, queries, scratch, prepared}};
}

// Room for a block on its way back.
template <typename T>
struct BackwardRoom {
  float *scores, *d_dropped, *factors;
  BackwardRoom(const Largest& most, Scratch& scratch)
      : scores(scratch.take<float>(most.scores)),
        d_dropped(scratch.take<float>(most.scores)),
        factors(scratch.take<float>(most.length + kFactorRoom)) {}
  static int64_t places(const Largest& most) {
    return 2 * Scratch::places<float>(most.scores) + Scratch::places<float>(most.length + kFactorRoom);
  }
};

// A block's probabilities, dropped, and the gradients of its scores: factors of sums over queries.
template <typename T>
struct BlockFactors {
  T *dropped, *d_scores;
  BlockFactors(const Largest& most, Scratch& scratch)
      : dropped(scratch.take<T>(most.cells)), d_scores(scratch.take<T>(most.cells)) {}
  static int64_t places(const Largest& most) { return 2 * Scratch::places<T>(most.cells); }
};

// The gradients of a block's queries, and what those of keys and values are made of.
template <typename T>
void block_backward(const Products& product, const AttentionHead& at, const QueryBlock& block,
                    const AttentionHead* next, const verb::AttentionBackward& op, const BackwardFactors<T>& factors,
                    const BackwardRoom<T>& room, const BlockFactors<T>& to) {
  const auto in = at.parts<const T>(op.q, op.kv);
  const auto out = at.parts<T>(op.d_q, op.d_kv);
  const T* const d_out = at.mixed<const T>(op.d_y);
  const int64_t width = at.call->width;
  block.for_parts(part_of(product, op.d_y.dtype, block.keys()), [&](const QueryBlock& part) {
    const int64_t count = part.queries(), done = (part.begin - block.begin) * block.stride();
    factors.keys_across.multiply_columns(room.scores, {in.q + part.begin * in.q_stride, in.q_stride}, count,
                                         block.queries(), part.range);
    factors.values_across.multiply_columns(room.d_dropped, {d_out + part.begin * width, width}, count, block.queries(),
                                           part.range);
    ScoreBlock rows = at.scores_of(part, const_cast<float*>(op.kept.f32()), op.d_y.dtype);
    rows.scores = room.scores;
    rows.d_dropped = room.d_dropped;
    rows.dropped = to.dropped + done;
    rows.d_scores = to.d_scores + done;
    rows.factors = room.factors;
    if (next != nullptr && part.begin == 0) fetch_backward<T>(*next, op);
    softmax_backward(rows);
  });
  factors.keys.multiply_rows(out.q + block.begin * out.q_stride, out.q_stride, {to.d_scores, block.stride()},
                             block.queries(), block.range);
}

// The gradients of a head's keys and of its values.
template <typename T>
struct KeyGradients {
  KeyGradient<T> keys, values;
  static int64_t places(int64_t length, int64_t size) { return 2 * KeyGradient<T>::places(length, size); }
};
template <typename T>
KeyGradients<T> gradients_of(const Products& product, const AttentionHead& at, const verb::AttentionBackward& op,
                             Scratch& scratch, Prepared prepared = Prepared::now) {
  const auto out = at.parts<T>(op.d_q, op.d_kv);
  const int64_t length = at.rows.length, size = at.size();
  const bool all_keys = at.call->shape.window == 0 && at.queries() > 0;
  const bool one_block = all_keys && at.queries() <= BlockLimits(at.call->shape, length).queries;
  return {{product, out.k, out.kv_stride, length, size, all_keys, one_block, scratch, prepared},
          {product, out.v, out.kv_stride, length, size, all_keys, one_block, scratch, prepared}};
}

// Adds what a block gives to the gradients of some keys, and of some values.
template <typename T>
void add_to_keys(const KeyGradients<T>& gradients, KeyRange some, const AttentionHead& at, const QueryBlock& block,
                 const verb::AttentionBackward& op, const BlockFactors<T>& from, const Scratch& scratch) {
  const auto in = at.parts<const T>(op.q, op.kv);
  gradients.keys.add(from.d_scores, block.stride(), block.range, some, in.q + block.begin * in.q_stride, in.q_stride,
                     block.queries(), block.begin == 0, scratch);
}
template <typename T>
void add_to_values(const KeyGradients<T>& gradients, KeyRange some, const AttentionHead& at, const QueryBlock& block,
                   const verb::AttentionBackward& op, const BlockFactors<T>& from, const Scratch& scratch) {
  const int64_t width = at.call->width;
  gradients.values.add(from.dropped, block.stride(), block.range, some, at.mixed<const T>(op.d_y) + block.begin * width,
                       width, block.queries(), block.begin == 0, scratch);
}

template <typename T>
void head_backward(const Products& product, const AttentionHead& at, const AttentionHead* next,
                   const verb::AttentionBackward& op, const Largest& most, float* memory) {
  Scratch scratch(memory);
  const KeyRange all{0, at.rows.length};
  const KeyGradients<T> gradients = gradients_of<T>(product, at, op, scratch);
  if (at.queries() > 0) {
    const BackwardRoom<T> room(most, scratch);
    const BlockFactors<T> to(most, scratch);
    const BackwardFactors<T> factors = factors_of<T>(product, at, op, scratch);
    at.for_blocks([&](const QueryBlock& block) {
      block_backward(product, at, block, next, op, factors, room, to);
      add_to_keys(gradients, all, at, block, op, to, scratch);
      add_to_values(gradients, all, at, block, op, to, scratch);
    });
  }
  gradients.keys.finish(all);
  gradients.values.finish(all);
}

}  // namespace tekio
