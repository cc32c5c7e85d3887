// Softmax, dropout and their gradient by rows that lie in cache. Formulas: ref/attention.cc.
#include "compute/cpu/attention_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/attention_rows.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/softmax-inl.h"
#include "compute/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// One query: which of the block's keys it sees, and its position.
struct Query {
  int64_t position, begin, count;
};
HWY_INLINE Query query_of(const ScoreBlock& b, int64_t query) {
  const int64_t position = b.positions != nullptr ? b.positions[query] - b.first_position : b.first_position + query;
  const KeyRange keys = keys_of(b.shape, position, b.length);
  return {position, keys.begin - b.first_key, keys.end - keys.begin};
}

// Dropout's factors of the keys that the query sees.
HWY_INLINE const float* query_factors(const DropoutFactors& factors, const ScoreBlock& b, const Query& query) {
  DropoutRow row = b.row;
  row.position = static_cast<uint32_t>(query.position);
  const int64_t key = b.first_key + query.begin, before = key % 8;  // they are drawn by eights
  const uint8_t* decisions = b.decisions != nullptr ? b.decisions + query.position * b.length + key - before : nullptr;
  factors.fill(row, decisions, before + query.count, b.factors, static_cast<uint32_t>(key / 8));
  return b.factors + before;
}

// 0 for the keys of a block that a query does not see.
template <typename T>
HWY_INLINE void clear_unseen(T* row, const ScoreBlock& b, const Query& query) {
  std::fill_n(row, query.begin, T());
  std::fill(row + query.begin + query.count, row + b.keys, T());
}

// Rounds what products take, up to the lower half, which is left as it comes: storing drops it. All numbers here are
// made of bf16 ones where the kind is bf16, so that the lower half of a NaN is 0 and rounding leaves it a NaN.
template <typename T>
HWY_INLINE VF raised(VF v) {
  if constexpr (std::is_same_v<T, float>) return v;
  const Words d;
  const auto word = hn::BitCast(d, v), odd = hn::And(hn::ShiftRight<16>(word), hn::Set(d, 1u));
  return hn::BitCast(F(), hn::Add(hn::Add(word, hn::Set(d, 0x7FFFu)), odd));
}
template <typename T>
HWY_INLINE VF rounded(VF v) {
  if constexpr (std::is_same_v<T, float>) return v;
  const Words d;
  return hn::BitCast(F(), hn::And(hn::BitCast(d, raised<T>(v)), hn::Set(d, 0xFFFF0000u)));
}

void softmax_rows_forward(const ScoreBlock& b) {
  const DropoutFactors draws(b.drop);
  with_numbers(b.type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    for (int64_t i = 0; i < b.queries; ++i) {
      const Query query = query_of(b, i);
      b.kept[i * b.kept_stride] = row_maximum(b.scores + i * b.keys + query.begin, query.count);
    }
    for (int64_t i = 0; i < b.queries; ++i) {
      const Query query = query_of(b, i);
      float* const scores = b.scores + i * b.keys + query.begin;
      float* const kept = b.kept + i * b.kept_stride;
      kept[1] = 1 / exponentials(scores, scores, query.count, kept[0], b.scale);
    }
    for (int64_t i = 0; i < b.queries; ++i) {
      const Query query = query_of(b, i);
      float* const scores = b.scores + i * b.keys + query.begin;
      float* const kept = b.kept + i * b.kept_stride;
      T* const dropped = static_cast<T*>(b.dropped) + i * b.stride + query.begin;
      const VF inverse = set(kept[1]);
      if (b.drop.on()) {
        const float* const factors = query_factors(draws, b, query);
        for_vectors(query.count, [&](int64_t c, auto io) HWY_ATTR {
          const VF value = hn::Mul(io.load(scores + c), inverse);
          io.store_exact(raised<T>(hn::Mul(value, io.load(factors + c))), dropped + c);
        });
      } else {
        for_vectors(query.count, [&](int64_t c, auto io) HWY_ATTR {
          io.store_exact(raised<T>(hn::Mul(io.load(scores + c), inverse)), dropped + c);
        });
      }
      clear_unseen(dropped - query.begin, b, query);
    }
  });
}

void softmax_rows_backward(const ScoreBlock& b) {
  const DropoutFactors draws(b.drop);
  with_numbers(b.type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    const VF scale = set(b.scale);
    for (int64_t i = 0; i < b.queries; ++i) {
      const Query query = query_of(b, i);
      const int64_t first = i * b.keys + query.begin, out = i * b.stride + query.begin;
      float *const p = b.scores + first, *const d_p = b.d_dropped + first;
      T *const dropped = static_cast<T*>(b.dropped) + out, *const d_scores = static_cast<T*>(b.d_scores) + out;
      const float* const kept = b.kept + i * b.kept_stride;
      const VF most = set(kept[0]), inverse = set(kept[1]);
      const auto probability = [&](VF score) HWY_ATTR {
        return rounded<T>(hn::Mul(exponential_of_negative(hn::Mul(hn::Sub(score, most), scale)), inverse));
      };
      VF inner = set(0);
      if (b.drop.on()) {
        const float* const factors = query_factors(draws, b, query);
        for_vectors(query.count, [&](int64_t c, auto io) HWY_ATTR {
          const VF probable = probability(io.load(p + c)), factor = io.load(factors + c);
          const VF d = hn::Mul(io.load(d_p + c), factor);
          io.store(probable, p + c);
          io.store_exact(raised<T>(hn::Mul(probable, factor)), dropped + c);
          io.store(d, d_p + c);
          inner = hn::MulAdd(io.zero_outside(probable), d, inner);
        });
      } else {
        for_vectors(query.count, [&](int64_t c, auto io) HWY_ATTR {
          const VF probable = probability(io.load(p + c));
          io.store(probable, p + c);
          io.store_exact(probable, dropped + c);
          inner = hn::MulAdd(io.zero_outside(probable), io.load(d_p + c), inner);
        });
      }
      const VF sum = set(sum_of(inner));
      for_vectors(query.count, [&](int64_t c, auto io) HWY_ATTR {
        const VF d = hn::Mul(hn::Mul(io.load(p + c), hn::Sub(io.load(d_p + c), sum)), scale);
        io.store_exact(raised<T>(d), d_scores + c);
      });
      clear_unseen(dropped - query.begin, b, query);
      clear_unseen(d_scores - query.begin, b, query);
    }
  });
}

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
HWY_EXPORT(softmax_rows_forward);
HWY_EXPORT(softmax_rows_backward);
HWY_EXPORT(store_rows);

void softmax_forward(const ScoreBlock& b) { HWY_DYNAMIC_DISPATCH(softmax_rows_forward)(b); }
void softmax_backward(const ScoreBlock& b) { HWY_DYNAMIC_DISPATCH(softmax_rows_backward)(b); }
void store_attention_rows(void* to, const float* from, int64_t rows, int64_t columns, int64_t stride, DType type) {
  HWY_DYNAMIC_DISPATCH(store_rows)(to, from, rows, columns, stride, type);
}

}  // namespace tekio
#endif  // HWY_ONCE
