// What the vector kernels share: loops with a partial last vector, dropout's factors, sigmoid. Included once per
// instruction set by each kernel file (Highway's foreach_target), hence the unusual include guard.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
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
// The words of Philox's counters, each the lower half of a 64-bit lane; what is in the upper halves does not matter.
struct WideWords {
  hn::Vec<Words> c0, c1, c2, c3;
  HWY_INLINE void mix(hn::Vec<Words> k0, hn::Vec<Words> k1) {
    const auto product0 = hn::MulEven(c0, hn::Set(Words(), 0xD2511F53u));
    const auto product2 = hn::MulEven(c2, hn::Set(Words(), 0xCD9E8D57u));
    c0 = hn::Xor3(hn::BitCast(Words(), hn::ShiftRight<32>(product2)), c1, k0);
    c2 = hn::Xor3(hn::BitCast(Words(), hn::ShiftRight<32>(product0)), c3, k1);
    c1 = hn::BitCast(Words(), product2);
    c3 = hn::BitCast(Words(), product0);
  }
};

// Which block each lane draws: lane 4 l + k the one numbered lanes / 4 * k + l, so that draw() has its words in order
// at the end.
alignas(64) constexpr auto kBlockOfLane = [] {
  std::array<uint32_t, hn::MaxLanes(Words())> blocks{};
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<uint32_t>(blocks.size() / 4 * (i % 4) + i / 4);
  return blocks;
}();

#endif

/// What dropout multiplies elements by, row after row.
class DropoutFactors {
 public:
  explicit HWY_INLINE DropoutFactors(const Dropout& drop) : drop_(drop) {
    RandomKey key = random_key(drop.seed, drop.step);
    for (RandomKey& round : keys_) {
      round = key;
      key = {key.k0 + 0x9E3779B9u, key.k1 + 0xBB67AE85u};
    }
  }

  /// Fills out[c], c in [0, count), for the row's elements from 8 * first_block on. `out` must have room for
  /// kFactorSlack more. `explicit_kept`: the explicit decisions of these, or null for the counter's.
  HWY_INLINE void fill(const DropoutRow& row, const uint8_t* explicit_kept, int64_t count, float* out,
                       uint32_t first_block = 0) const {
    const float scale = drop_.scale();
    if (explicit_kept != nullptr) {
      for (int64_t c = 0; c < count; ++c) out[c] = explicit_kept[c] != 0 ? scale : 0.0f;
      return;
    }
#if HWY_TARGET == HWY_SCALAR
    for (int64_t c = 0; c < count; ++c)
      out[c] = (kept_bits(drop_, row, first_block + static_cast<uint32_t>(c / 8)) >> (c % 8) & 1) != 0 ? scale : 0.0f;
#else
    const auto lanes = static_cast<int64_t>(hn::Lanes(Words()));
    uint8_t bits[hn::MaxLanes(Words()) + 8] = {};  // masks are loaded by up to 8 bytes
    for (int64_t begin = 0; begin < count; begin += 8 * lanes) {
      draw(row, first_block + static_cast<uint32_t>(begin / 8), bits);
      static_assert(hn::MaxLanes(F()) % 8 == 0, "a vector's mask is whole bytes");
      for (int64_t c = 0; c < 8 * lanes; c += lanes)
        hn::StoreU(hn::IfThenElseZero(hn::LoadMaskBits(F(), bits + c / 8), set(scale)), F(), out + begin + c);
    }
#endif
  }

 private:
#if HWY_TARGET != HWY_SCALAR
  // kept_bits() for as many blocks as there are lanes, from `block` on: one byte each into `bits`.
  HWY_INLINE void draw(const DropoutRow& row, uint32_t block, uint8_t* bits) const {
    const Words d;
    const hn::Repartition<uint64_t, Words> wide;
    const hn::Repartition<uint16_t, Words> halves;
    const size_t lanes = hn::Lanes(d), quarters = lanes / 4;
    const uint32_t threshold = dropout_threshold(drop_);
    if (threshold > UINT16_MAX) {  // nothing is kept
      std::fill_n(bits, lanes, uint8_t{0});
      return;
    }
    const auto c0 = hn::Add(hn::Set(d, block), hn::Load(d, kBlockOfLane.data()));
    WideWords even{c0, hn::Set(d, row.position | row.head << 20), hn::Set(d, static_cast<uint32_t>(row.sequence)),
                   hn::Set(d, dropout_site(drop_))};
    WideWords odd = even;
    odd.c0 = hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, c0)));
    for (const RandomKey& key : keys_) {
      const auto k0 = hn::Set(d, key.k0), k1 = hn::Set(d, key.k1);
      even.mix(k0, k1);
      odd.mix(k0, k1);
    }
    const auto joined = [&](auto low, auto high) HWY_ATTR {
      return hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(hn::BitCast(wide, high))), low);
    };
    const auto w0 = joined(even.c0, odd.c0), w1 = joined(even.c1, odd.c1);
    const auto w2 = joined(even.c2, odd.c2), w3 = joined(even.c3, odd.c3);
    // Squares of four blocks are transposed within each 128 bits.
    const auto low01 = hn::BitCast(wide, hn::InterleaveLower(d, w0, w1));
    const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(d, w0, w1));
    const auto low23 = hn::BitCast(wide, hn::InterleaveLower(d, w2, w3));
    const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(d, w2, w3));
    const auto least = hn::Set(halves, static_cast<uint16_t>(threshold));
    const auto store = [&](auto words, size_t at) HWY_ATTR {
      const auto numbers = hn::BitCast(halves, words);
      hn::StoreMaskBits(halves, hn::Eq(hn::Max(numbers, least), numbers), bits + at * quarters);
    };
    store(hn::InterleaveLower(wide, low01, low23), 0);
    store(hn::InterleaveUpper(wide, low01, low23), 1);
    store(hn::InterleaveLower(wide, high01, high23), 2);
    store(hn::InterleaveUpper(wide, high01, high23), 3);
  }
#endif

  const Dropout& drop_;
  std::array<RandomKey, 10> keys_;
};

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
