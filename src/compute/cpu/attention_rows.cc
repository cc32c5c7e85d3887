// Softmax, dropout and their gradient by rows that lie in cache. Formulas: ref/attention.cc.
#include "compute/cpu/attention_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/attention_rows.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/softmax-inl.h"
#include "compute/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

HWY_INLINE void query_factors(const ScoreBlock& b, int64_t query) {
  DropoutRow row = b.row;
  const int64_t position = b.positions != nullptr ? b.positions[query] - b.first_position : b.first_position + query;
  row.position = static_cast<uint32_t>(position);
  const uint8_t* decisions = b.decisions != nullptr ? b.decisions + position * b.keys : nullptr;
  dropout_factors(b.drop, row, decisions, b.keys, b.factors);
}

// As a back end that multiplies bf16 rounds what products take.
template <typename T>
HWY_INLINE VF rounded(VF v) {
  if constexpr (std::is_same_v<T, float>)
    return v;
  else
    return widen(narrow(v));
}

void softmax_rows_forward(const ScoreBlock& b) {
  with_numbers(b.type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    for (int64_t query = 0; query < b.queries; ++query) {
      float* const scores = b.scores + query * b.keys;
      float* const kept = b.kept + query * b.kept_stride;
      T* const dropped = static_cast<T*>(b.dropped) + query * b.keys;
      kept[0] = row_maximum(scores, b.keys);
      kept[1] = 1 / exponentials(scores, scores, b.keys, kept[0], b.scale);
      const VF inverse = set(kept[1]);
      if (b.drop.on()) {
        query_factors(b, query);
        for_vectors(b.keys, [&](int64_t c, auto io) HWY_ATTR {
          const VF value = hn::Mul(io.load(scores + c), inverse);
          io.store(hn::Mul(value, io.load(b.factors + c)), dropped + c);
        });
      } else {
        for_vectors(b.keys,
                    [&](int64_t c, auto io) HWY_ATTR { io.store(hn::Mul(io.load(scores + c), inverse), dropped + c); });
      }
    }
  });
}

void softmax_rows_backward(const ScoreBlock& b) {
  with_numbers(b.type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    const VF scale = set(b.scale);
    for (int64_t query = 0; query < b.queries; ++query) {
      float* const p = b.scores + query * b.keys;
      float* const d_p = b.d_dropped + query * b.keys;
      T* const dropped = static_cast<T*>(b.dropped) + query * b.keys;
      T* const d_scores = static_cast<T*>(b.d_scores) + query * b.keys;
      const float* const kept = b.kept + query * b.kept_stride;
      const VF most = set(kept[0]), inverse = set(kept[1]);
      const auto probability = [&](VF score) HWY_ATTR {
        return rounded<T>(hn::Mul(exponential(hn::Mul(hn::Sub(score, most), scale)), inverse));
      };
      VF inner = set(0);
      if (b.drop.on()) {
        query_factors(b, query);
        for_vectors(b.keys, [&](int64_t c, auto io) HWY_ATTR {
          const VF probable = probability(io.load(p + c)), factor = io.load(b.factors + c);
          const VF d = hn::Mul(io.load(d_p + c), factor);
          io.store(probable, p + c);
          io.store(hn::Mul(probable, factor), dropped + c);
          io.store(d, d_p + c);
          inner = hn::MulAdd(io.zero_outside(probable), d, inner);
        });
      } else {
        for_vectors(b.keys, [&](int64_t c, auto io) HWY_ATTR {
          const VF probable = probability(io.load(p + c));
          io.store(probable, p + c);
          io.store(probable, dropped + c);
          inner = hn::MulAdd(io.zero_outside(probable), io.load(d_p + c), inner);
        });
      }
      const VF sum = set(sum_of(inner));
      for_vectors(b.keys, [&](int64_t c, auto io) HWY_ATTR {
        io.store(hn::Mul(hn::Mul(io.load(p + c), hn::Sub(io.load(d_p + c), sum)), scale), d_scores + c);
      });
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
