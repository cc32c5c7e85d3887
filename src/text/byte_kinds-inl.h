// What the scanners that look at 64 bytes together share: bytes told apart in vectors, and places written out. Included
// once per instruction set by each of them (Highway's foreach_target), hence the unusual include guard.
#include <hwy/highway.h>

#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(TEKIO_TEXT_BYTE_KINDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TEKIO_TEXT_BYTE_KINDS_INL_H_
#undef TEKIO_TEXT_BYTE_KINDS_INL_H_
#else
#define TEKIO_TEXT_BYTE_KINDS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::CappedTag<uint8_t, 64>;

/// A bit a lane.
template <typename Mask>
HWY_INLINE uint64_t bits_of(const Mask& mask) {
  uint64_t bits = 0;
  hn::StoreMaskBits(Bytes(), mask, reinterpret_cast<uint8_t*>(&bits));
  return bits;
}

/// Which bytes are from `low` to `high`.
HWY_INLINE hn::Mask<Bytes> in_range(hn::Vec<Bytes> v, char low, char high) {
  const auto above = hn::Sub(v, hn::Set(Bytes(), static_cast<uint8_t>(low)));
  return hn::Eq(hn::Min(above, hn::Set(Bytes(), static_cast<uint8_t>(high - low))), above);
}

/// Writes `position` plus the number of every bit that is set, and returns where the next one goes; eight at a time,
/// since a loop that ended at each last bit would be a branch that no processor can predict: 7 places beyond may be
/// overwritten.
HWY_INLINE uint32_t* write_places(uint64_t bits, uint32_t position, uint32_t* out) {
  const int count = std::popcount(bits);
  for (int i = 0; i < count; i += 8)
    for (int k = 0; k < 8; ++k, bits &= bits - 1) out[i + k] = position + static_cast<uint32_t>(std::countr_zero(bits));
  return out + count;
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
