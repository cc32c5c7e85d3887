// What the vector kernels share: loops with a partial last vector, dropout's factors, sigmoid. Included once per
// instruction set by each kernel file (Highway's foreach_target), hence the unusual include guard.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cmath>

#include "compute/dropout.h"
#include "compute/tensor.h"

#if defined(TEKIO_COMPUTE_CPU_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TEKIO_COMPUTE_CPU_VECTOR_INL_H_
#undef TEKIO_COMPUTE_CPU_VECTOR_INL_H_
#else
#define TEKIO_COMPUTE_CPU_VECTOR_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using VF = hn::Vec<F>;

HWY_INLINE VF set(float value) { return hn::Set(F(), value); }

// e^x and tanh x, NaN for NaN. Highway's scalar ones turn it into an int on the way, which C++ leaves undefined.
HWY_INLINE bool is_a_lone_nan(VF x) { return HWY_TARGET == HWY_SCALAR && std::isnan(hn::GetLane(x)); }
HWY_INLINE VF exponential(VF x) { return is_a_lone_nan(x) ? x : hn::Exp(F(), x); }
HWY_INLINE VF hyperbolic_tangent(VF x) { return is_a_lone_nan(x) ? x : hn::Tanh(F(), x); }

// bf16 numbers in the lanes of a float32 vector: exact one way; the other way rounded to nearest even, NaN staying NaN.
using Halves = hn::Rebind<uint16_t, F>;
using Words = hn::Repartition<uint32_t, F>;
HWY_INLINE VF widen(hn::Vec<Halves> halves) {
  return hn::BitCast(F(), hn::ShiftLeft<16>(hn::PromoteTo(Words(), halves)));
}
HWY_INLINE hn::Vec<Halves> narrow(VF v) {
  const Words d;
  const auto word = hn::BitCast(d, v);
  const auto odd = hn::And(hn::ShiftRight<16>(word), hn::Set(d, 1u));
  const auto rounded = hn::Add(word, hn::Add(odd, hn::Set(d, 0x7FFFu)));
  const auto not_a_number = hn::RebindMask(d, hn::Ne(v, v));
  const auto kept = hn::IfThenElse(not_a_number, hn::Or(word, hn::Set(d, 0x400000u)), rounded);
  return hn::TruncateTo(Halves(), hn::ShiftRight<16>(kept));
}

HWY_INLINE hn::Vec<Halves> upper_half(VF v) {
  return hn::TruncateTo(Halves(), hn::ShiftRight<16>(hn::BitCast(Words(), v)));
}

// How a loop's body touches memory: whole vectors, or the first few lanes of the last one (the others read as 0).
// Numbers are float32 or bf16, and float32 in the lanes.
struct Whole {
  HWY_INLINE VF load(const float* p) const { return hn::LoadU(F(), p); }
  HWY_INLINE VF load(const bf16* p) const { return widen(hn::LoadU(Halves(), &p->bits)); }
  template <typename T>
  HWY_INLINE VF load_or(VF, const T* p) const {
    return load(p);
  }
  HWY_INLINE void store(VF v, float* p) const { hn::StoreU(v, F(), p); }
  HWY_INLINE void store(VF v, bf16* p) const { hn::StoreU(narrow(v), Halves(), &p->bits); }
  /// Of a number that is one of that kind: its upper half.
  HWY_INLINE void store_exact(VF v, float* p) const { store(v, p); }
  HWY_INLINE void store_exact(VF v, bf16* p) const { hn::StoreU(upper_half(v), Halves(), &p->bits); }
  HWY_INLINE VF zero_outside(VF v) const { return v; }
};
struct Partial {
  hn::Mask<F> inside;
  size_t count;  // lanes inside
  HWY_INLINE VF load(const float* p) const { return hn::MaskedLoad(inside, F(), p); }
  HWY_INLINE VF load(const bf16* p) const {  // by way of a whole vector: 16-bit masks are not everywhere
    uint16_t whole[hn::MaxLanes(F())] = {};
    __builtin_memcpy(whole, p, count * sizeof *p);
    return widen(hn::LoadU(Halves(), whole));
  }
  template <typename T>
  HWY_INLINE VF load_or(VF other, const T* p) const {
    return hn::IfThenElse(inside, load(p), other);
  }
  HWY_INLINE void store(VF v, float* p) const { hn::BlendedStore(v, inside, F(), p); }
  HWY_INLINE void store(VF v, bf16* p) const { store_halves(narrow(v), p); }
  HWY_INLINE void store_exact(VF v, float* p) const { store(v, p); }
  HWY_INLINE void store_exact(VF v, bf16* p) const { store_halves(upper_half(v), p); }
  HWY_INLINE void store_halves(hn::Vec<Halves> halves, bf16* p) const {
    uint16_t whole[hn::MaxLanes(F())];
    hn::StoreU(halves, Halves(), whole);
    __builtin_memcpy(static_cast<void*>(p), whole, count * sizeof *p);
  }
  HWY_INLINE VF zero_outside(VF v) const { return hn::IfThenElseZero(inside, v); }
};

/// body(float()) or body(bf16()): which dtype an op works on is decided once, outside the loop over them.
template <typename Body>
HWY_INLINE void with_numbers(DType type, const Body& body) {
  if (type == DType::f32)
    body(float());
  else
    body(bf16());
}

/// body(c, io) for c = 0, lanes, 2 lanes, …; the last call's io is Partial where `count` is no multiple of the lanes.
template <typename Body>
HWY_INLINE void for_vectors(int64_t count, const Body& body) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(F()));
  int64_t c = 0;
  for (; c + lanes <= count; c += lanes) body(c, Whole());
  if (c < count) body(c, Partial{hn::FirstN(F(), static_cast<size_t>(count - c)), static_cast<size_t>(count - c)});
}

HWY_INLINE float sum_of(VF v) { return hn::GetLane(hn::SumOfLanes(F(), v)); }
HWY_INLINE float max_of(VF v) { return hn::GetLane(hn::MaxOfLanes(F(), v)); }

/// s = 1 / (1 + e^-x) and its complement 1 - s, each to relative accuracy. e^88 is still finite: far out s rests at
/// 6e-39.
struct Sigmoid {
  VF s, complement;
};
HWY_INLINE Sigmoid sigmoid_of(VF x) {
  const VF e = exponential(hn::Min(hn::Neg(x), set(88))), s = hn::Div(set(1), hn::Add(set(1), e));
  return {s, hn::Mul(s, e)};
}

#if HWY_TARGET != HWY_SCALAR  // one lane cannot hold a 64-bit product; there the specification itself does the work
// a * b, 32 x 32 -> 64 bits in every lane: the high and the low halves.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void multiply_wide(D d, V a, V b, V& high, V& low) {
  const hn::Repartition<uint64_t, D> wide;
  const auto even = hn::BitCast(d, hn::MulEven(a, b));
  const auto odd = hn::BitCast(d, hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), b));
  high = hn::OddEven(odd, hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, even))));
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(hn::BitCast(wide, odd))), even);
}

// kept_bits() for as many blocks as there are lanes, from `block` on: one byte each into `bits`.
HWY_INLINE void kept_bytes(const Dropout& drop, const DropoutRow& row, uint32_t block, uint8_t* bits) {
  const hn::ScalableTag<uint32_t> d;
  const RandomKey key = random_key(drop.seed, drop.step);
  auto c0 = hn::Add(hn::Set(d, block), hn::Iota(d, 0)), c1 = hn::Set(d, row.position | row.head << 20);
  auto c2 = hn::Set(d, static_cast<uint32_t>(row.sequence));
  auto c3 = hn::Set(d, drop.site | static_cast<uint32_t>(RandomUse::dropout) << 24);
  for (uint32_t round = 0; round < 10; ++round) {
    auto high0 = c0, low0 = c0, high2 = c0, low2 = c0;
    multiply_wide(d, c0, hn::Set(d, 0xD2511F53u), high0, low0);
    multiply_wide(d, c2, hn::Set(d, 0xCD9E8D57u), high2, low2);
    c0 = hn::Xor(high2, hn::Xor(c1, hn::Set(d, key.k0 + round * 0x9E3779B9u)));
    c2 = hn::Xor(high0, hn::Xor(c3, hn::Set(d, key.k1 + round * 0xBB67AE85u)));
    c1 = low2;
    c3 = low0;
  }
  const auto threshold = hn::Set(d, static_cast<uint32_t>(drop.rate * 65536.0f + 0.5f));
  auto kept = hn::Zero(d);
  const auto collect = [&](auto words, uint32_t j) HWY_ATTR {
    const auto low = hn::And(words, hn::Set(d, 0xFFFFu)), high = hn::ShiftRight<16>(words);
    kept = hn::Or(kept, hn::IfThenZeroElse(hn::Gt(threshold, low), hn::Set(d, 1u << j)));
    kept = hn::Or(kept, hn::IfThenZeroElse(hn::Gt(threshold, high), hn::Set(d, 2u << j)));
  };
  collect(c0, 0);
  collect(c1, 2);
  collect(c2, 4);
  collect(c3, 6);
  const hn::Rebind<uint8_t, decltype(d)> bytes;
  hn::StoreU(hn::DemoteTo(bytes, hn::BitCast(hn::RebindToSigned<decltype(d)>(), kept)), bytes, bits);
}
#endif

/// What dropout multiplies a row's elements by: out[c], c in [0, count), for its elements from 8 * first_block on.
/// `out` must have room for kFactorSlack more. `explicit_kept`: the explicit decisions of these, or null for the
/// counter's.
HWY_INLINE void dropout_factors(const Dropout& drop, const DropoutRow& row, const uint8_t* explicit_kept, int64_t count,
                                float* out, uint32_t first_block = 0) {
  const float scale = drop.scale();
  if (explicit_kept != nullptr) {
    for (int64_t c = 0; c < count; ++c) out[c] = explicit_kept[c] != 0 ? scale : 0.0f;
    return;
  }
#if HWY_TARGET == HWY_SCALAR
  for (int64_t c = 0; c < count; ++c)
    out[c] = (kept_bits(drop, row, first_block + static_cast<uint32_t>(c / 8)) >> (c % 8) & 1) != 0 ? scale : 0.0f;
#else
  const hn::ScalableTag<uint32_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  uint8_t bits[hn::MaxLanes(d) + 8] = {};  // masks are loaded by up to 8 bytes
  for (int64_t begin = 0; begin < count; begin += 8 * lanes) {
    kept_bytes(drop, row, first_block + static_cast<uint32_t>(begin / 8), bits);
    static_assert(hn::MaxLanes(F()) % 8 == 0, "a vector's mask is whole bytes");
    for (int64_t c = 0; c < 8 * lanes; c += lanes)
      hn::StoreU(hn::IfThenElseZero(hn::LoadMaskBits(F(), bits + c / 8), set(scale)), F(), out + begin + c);
  }
#endif
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
