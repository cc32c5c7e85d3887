#include "compute/cpu/activation_rows.h"

#include "compute/cpu/activation_table.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/activation_rows.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

void activate_f32(const ActivationBlock& block) {
  with_activation(block.act, [&](auto activation) HWY_ATTR {
    for (int64_t r = 0; r < block.rows; ++r) {
      const float* const before = static_cast<const float*>(block.before) + r * block.stride;
      float* const after = static_cast<float*>(block.after) + (block.after != nullptr ? r * block.stride : 0);
      float* const d_before = static_cast<float*>(block.d_before) + (block.d_before != nullptr ? r * block.stride : 0);
      for_vectors(block.columns, [&](int64_t c, auto io) HWY_ATTR {
        const VF x = io.load(before + c);
        if (block.after != nullptr) io.store(activation.value(x), after + c);
        if (block.d_before != nullptr) io.store(hn::Mul(io.load(d_before + c), activation.slope(x)), d_before + c);
      });
    }
  });
}

void activate_bf16(const ActivationBlock& block, const uint32_t* table) {
  const Words d;
  constexpr int64_t kBatch = 256;  // looked up one by one, then taken as vectors: not at once, or each load would wait
  constexpr int64_t kAhead = 2;    // rows: what a row will need comes from memory meanwhile
  HWY_ALIGN uint32_t found[kBatch + hn::MaxLanes(d)] = {};
  for (int64_t r = 0; r < block.rows; ++r) {
    for (int64_t begin = 0; begin < block.columns; begin += kBatch) {
      const int64_t start = r * block.stride + begin, count = std::min(kBatch, block.columns - begin);
      const bf16* const before = static_cast<const bf16*>(block.before) + start;
      if (r + kAhead < block.rows) {
        const int64_t later = start + kAhead * block.stride;
        for (int64_t i = later; i < later + count; i += 32) {
          if (block.d_before != nullptr) __builtin_prefetch(static_cast<const bf16*>(block.before) + i);
          if (block.after != nullptr) __builtin_prefetch(static_cast<bf16*>(block.after) + i, 1);
        }
      }
      for (int64_t i = 0; i < count; ++i) found[i] = table[before[i].bits];
      if (block.after != nullptr) {
        bf16* const after = static_cast<bf16*>(block.after) + start;
        for_vectors(count, [&](int64_t c, auto io) HWY_ATTR {
          io.store(hn::BitCast(F(), hn::ShiftLeft<16>(hn::LoadU(d, found + c))), after + c);
        });
      }
      if (block.d_before != nullptr) {
        bf16* const d_before = static_cast<bf16*>(block.d_before) + start;
        for_vectors(count, [&](int64_t c, auto io) HWY_ATTR {
          const VF slope = hn::BitCast(F(), hn::And(hn::LoadU(d, found + c), hn::Set(d, 0xFFFF0000u)));
          io.store(hn::Mul(io.load(d_before + c), slope), d_before + c);
        });
      }
    }
  }
}

// A row of a gate's block: value(c, io) and slope(c, io) of the activation at its column c.
template <typename T, typename Value, typename Slope>
HWY_INLINE void gate_row(const T* b, T* after, T* d_a, int64_t half, int64_t columns, const Value& value,
                         const Slope& slope) {
  for_vectors(columns, [&](int64_t c, auto io) HWY_ATTR {
    const VF activated = value(c, io), factor = io.load(b + c);
    io.store(hn::Mul(activated, factor), after + c);
    if (d_a == nullptr) return;
    const VF d = io.load(d_a + c);
    io.store(hn::Mul(hn::Mul(d, factor), slope(c, io)), d_a + c);
    io.store(hn::Mul(d, activated), d_a + half + c);
  });
}

void gate_f32(const GateBlock& block) {
  with_activation(block.act, [&](auto activation) HWY_ATTR {
    for (int64_t r = 0; r < block.rows; ++r) {
      const float* const a = static_cast<const float*>(block.before) + 2 * r * block.half;
      float* const d_a = block.d_before != nullptr ? static_cast<float*>(block.d_before) + 2 * r * block.half : nullptr;
      gate_row(
          a + block.half, static_cast<float*>(block.after) + r * block.half, d_a, block.half, block.columns,
          [&](int64_t c, auto io) HWY_ATTR { return activation.value(io.load(a + c)); },
          [&](int64_t c, auto io) HWY_ATTR { return activation.slope(io.load(a + c)); });
    }
  });
}

void gate_bf16(const GateBlock& block, const uint32_t* table) {
  const Words d;
  constexpr int64_t kBatch = 256;  // as above
  HWY_ALIGN uint32_t found[kBatch + hn::MaxLanes(d)] = {};
  for (int64_t r = 0; r < block.rows; ++r)
    for (int64_t begin = 0; begin < block.columns; begin += kBatch) {
      const int64_t start = 2 * r * block.half + begin, count = std::min(kBatch, block.columns - begin);
      const bf16* const a = static_cast<const bf16*>(block.before) + start;
      for (int64_t i = 0; i < count; ++i) found[i] = table[a[i].bits];
      gate_row(
          a + block.half, static_cast<bf16*>(block.after) + r * block.half + begin,
          block.d_before != nullptr ? static_cast<bf16*>(block.d_before) + start : nullptr, block.half, count,
          [&](int64_t c, auto) HWY_ATTR { return hn::BitCast(F(), hn::ShiftLeft<16>(hn::LoadU(d, found + c))); },
          [&](int64_t c, auto)
              HWY_ATTR { return hn::BitCast(F(), hn::And(hn::LoadU(d, found + c), hn::Set(d, 0xFFFF0000u))); });
    }
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(activate_f32);
HWY_EXPORT(activate_bf16);
HWY_EXPORT(gate_f32);
HWY_EXPORT(gate_bf16);

void activate(const ActivationBlock& block) {
  if (block.type == DType::f32)
    HWY_DYNAMIC_DISPATCH(activate_f32)(block);
  else
    HWY_DYNAMIC_DISPATCH(activate_bf16)(block, activation_table(block.act));
}

void gate(const GateBlock& block) {
  if (block.type == DType::f32)
    HWY_DYNAMIC_DISPATCH(gate_f32)(block);
  else
    HWY_DYNAMIC_DISPATCH(gate_bf16)(block, activation_table(block.act));
}

}  // namespace tekio
#endif  // HWY_ONCE
