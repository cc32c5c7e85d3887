// Self-attention within each packed sequence: one task a (sequence, head), its queries in blocks, so that a block's
// scores stay in the second cache. Products by oneDNN on strided parts of qkv; softmax and dropout by own kernels.
// Formulas: ref/attention.cc.
#include <cmath>

#include "compute/cpu/cpu.h"
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

// One task: where a sequence's head has its numbers, and which dropout rows it draws.
struct AttentionHead {
  int64_t length, size, stride;  // T, d; rows of q, k, v are `stride` apart
  const float *q, *k, *v;
  int64_t kept_begin;  // of its [T,T] block within `kept` and drop.kept
  DropoutRow row;      // of query 0
};
}  // namespace tekio
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

HWY_INLINE void query_factors(const Dropout& drop, const AttentionHead& at, int64_t query, float* factors) {
  DropoutRow row = at.row;
  row.position = static_cast<uint32_t>(query);
  const uint8_t* kept = drop.kept != nullptr ? drop.kept + at.kept_begin + query * at.length : nullptr;
  dropout_factors(drop, row, kept, at.length, factors);
}

// Queries [begin, end): scores [.., T] become probabilities in place; dropped gets them times dropout's factors.
void softmax_and_drop(const Dropout& drop, const AttentionHead& at, int64_t begin, int64_t end, float* scores,
                      float* dropped, float* factors) {
  for (int64_t query = begin; query < end; ++query, scores += at.length, dropped += at.length) {
    softmax_row(scores, at.length);
    if (!drop.on()) continue;
    query_factors(drop, at, query, factors);
    for_vectors(at.length, [&](int64_t c, auto io)
                               HWY_ATTR { io.store(hn::Mul(io.load(scores + c), io.load(factors + c)), dropped + c); });
  }
}

// Queries [begin, end): d_p, the gradients of dropped probabilities, become those of scores; dropped gets p times
// factors.
void softmax_backward(const Dropout& drop, const AttentionHead& at, int64_t begin, int64_t end, const float* p,
                      float* d_p, float* dropped, float* factors) {
  for (int64_t query = begin; query < end; ++query, p += at.length, d_p += at.length, dropped += at.length) {
    VF inner = set(0);
    if (drop.on()) {
      query_factors(drop, at, query, factors);
      for_vectors(at.length, [&](int64_t c, auto io) HWY_ATTR {
        const VF kept = io.load(p + c), factor = io.load(factors + c), d = hn::Mul(io.load(d_p + c), factor);
        io.store(hn::Mul(kept, factor), dropped + c);
        io.store(d, d_p + c);
        inner = hn::MulAdd(kept, d, inner);
      });
    } else {
      for_vectors(at.length,
                  [&](int64_t c, auto io) HWY_ATTR { inner = hn::MulAdd(io.load(p + c), io.load(d_p + c), inner); });
    }
    const VF sum = set(sum_of(inner));
    for_vectors(at.length, [&](int64_t c, auto io) HWY_ATTR {
      io.store(hn::Mul(io.load(p + c), hn::Sub(io.load(d_p + c), sum)), d_p + c);
    });
  }
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(softmax_and_drop);
HWY_EXPORT(softmax_backward);
namespace {

// The i-th (sequence, head) of the batch.
AttentionHead head_at(int64_t i, ConstTensor qkv, int64_t heads, const Sequences& s) {
  const int64_t k = i / heads, head = i % heads, width = qkv.dim[1] / 3, size = width / heads;
  int64_t kept_begin = 0;
  for (int64_t j = 0; j < k; ++j) {
    const int64_t length = s.offsets[static_cast<size_t>(j) + 1] - s.offsets[static_cast<size_t>(j)];
    kept_begin += heads * length * length;
  }
  const int64_t begin = s.offsets[static_cast<size_t>(k)], length = s.offsets[static_cast<size_t>(k) + 1] - begin;
  const float* q = qkv.f32() + begin * 3 * width + head * size;
  return {length,
          size,
          3 * width,
          q,
          q + width,
          q + 2 * width,
          kept_begin + head * length * length,
          {s.first_key + static_cast<uint64_t>(k), static_cast<uint32_t>(head), 0}};
}

int64_t longest(const Sequences& s) {
  int64_t length = 0;
  for (size_t k = 0; k + 1 < s.offsets.size(); ++k) length = std::max<int64_t>(length, s.offsets[k + 1] - s.offsets[k]);
  return length;
}

}  // namespace

void CpuBackend::do_attention(Tensor y, Tensor kept, ConstTensor qkv, int64_t heads, const Sequences& s,
                              const Dropout& drop) {
  const int64_t width = y.dim[1], most = longest(s);
  reserve(kQueries * most + most + kFactorSlack);  // a block's dropped probabilities, and one query's factors
  for_each(s.count() * heads, [&](int64_t i, int worker) {
    const AttentionHead at = head_at(i, qkv, heads, s);
    const float scale = 1 / std::sqrt(static_cast<float>(at.size));
    float* out = y.f32() + s.offsets[static_cast<size_t>(i / heads)] * width + at.row.head * at.size;
    float* dropped = own(worker);
    for (int64_t begin = 0; begin < at.length; begin += kQueries) {
      const int64_t end = std::min(begin + kQueries, at.length);
      float* p = kept.f32() + at.kept_begin + begin * at.length;
      product(p, at.length, {at.q + begin * at.stride, at.stride}, {at.k, at.stride, true}, end - begin, at.length,
              at.size, false, scale);
      HWY_DYNAMIC_DISPATCH(softmax_and_drop)(drop, at, begin, end, p, dropped, dropped + kQueries * most);
      product(out + begin * width, width, {drop.on() ? dropped : p, at.length}, {at.v, at.stride}, end - begin, at.size,
              at.length);
    }
  });
}

void CpuBackend::do_attention_backward(Tensor d_qkv, ConstTensor d_y, ConstTensor kept, ConstTensor qkv, int64_t heads,
                                       const Sequences& s, const Dropout& drop) {
  const int64_t width = d_y.dim[1], most = longest(s);
  reserve(2 * kQueries * most + most + kFactorSlack);
  for_each(s.count() * heads, [&](int64_t i, int worker) {
    const AttentionHead at = head_at(i, qkv, heads, s);
    const float scale = 1 / std::sqrt(static_cast<float>(at.size));
    const int64_t first = s.offsets[static_cast<size_t>(i / heads)];
    const float* d_out = d_y.f32() + first * width + at.row.head * at.size;
    float* d_q = d_qkv.f32() + first * at.stride + at.row.head * at.size;
    float *d_p = own(worker), *dropped = d_p + kQueries * most;
    for (int64_t begin = 0; begin < at.length; begin += kQueries) {
      const int64_t end = std::min(begin + kQueries, at.length), queries = end - begin;
      const bool add = begin > 0;  // d_k and d_v gather all blocks of queries
      const float* p = kept.f32() + at.kept_begin + begin * at.length;
      product(d_p, at.length, {d_out + begin * width, width}, {at.v, at.stride, true}, queries, at.length, at.size);
      HWY_DYNAMIC_DISPATCH(softmax_backward)(drop, at, begin, end, p, d_p, dropped, dropped + kQueries * most);
      product(d_q + begin * at.stride, at.stride, {d_p, at.length}, {at.k, at.stride}, queries, at.size, at.length,
              false, scale);
      product(d_q + width, at.stride, {d_p, at.length, true}, {at.q + begin * at.stride, at.stride}, at.length, at.size,
              queries, add, scale);
      product(d_q + 2 * width, at.stride, {drop.on() ? dropped : p, at.length, true}, {d_out + begin * width, width},
              at.length, at.size, queries, add);
    }
  });
}

}  // namespace tekio
#endif  // HWY_ONCE
