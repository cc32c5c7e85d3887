// Sixty-four bytes become words of bits, one a kind of character; all bytes of a character are of its kind, so that
// words begin where the kind changes. ASCII is told apart in vectors; the rest by the tables, character by character.
#include "text/byte_level_scanner.h"

#include <bit>
#include <cstring>

#include "text/unicode.h"
#include "text/utf8.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "text/byte_level_scanner.cc"
#include <hwy/foreach_target.h>

#include "text/byte_kinds-inl.h"

#ifndef TEKIO_TEXT_BYTE_LEVEL
#define TEKIO_TEXT_BYTE_LEVEL
namespace tekio::byte_level {

// Sixty-four bytes of a text, a bit a byte.
struct Kinds {
  uint64_t letters = 0, numbers = 0, whites = 0;  // neither: others
  uint64_t spaces = 0, apostrophes = 0;           // ' ' and '\''
  uint64_t beyond_ascii = 0;
  uint64_t last_whites = 0;  // beyond ASCII: white space before what is none
};

inline bool is_white_at(std::string_view text, size_t at) {
  if (at >= text.size()) return true;  // what ends the text is followed by nothing that it could be left to
  const char* place = text.data() + at;
  return unicode::is(decode_utf8(place), unicode::kWhiteSpace);
}

// Adds the characters beyond ASCII that begin in the block at `begin`, or reach into it.
inline void add_beyond_ascii(std::string_view text, size_t begin, Kinds& kinds, ByteLevelState& state) {
  kinds.letters |= state.letters;
  kinds.numbers |= state.numbers;
  kinds.whites |= state.whites;
  state.letters = state.numbers = state.whites = 0;
  const auto add = [](uint64_t bytes, int shift, uint64_t& here, uint64_t& next) {
    here |= bytes << shift;
    if (shift > 60) next |= bytes >> (64 - shift);
  };
  for (uint64_t bits = kinds.beyond_ascii; bits != 0;) {
    const int i = std::countr_zero(bits);
    const size_t at = begin + static_cast<size_t>(i);
    const char* place = text.data() + at;
    if ((static_cast<unsigned char>(*place) & 0xC0) == 0x80) {  // of a character of the block before
      bits &= bits - 1;
      continue;
    }
    const int flags = unicode::record(decode_utf8(place)).flags;
    const auto length = static_cast<size_t>(place - text.data()) - at;
    const uint64_t bytes = (uint64_t{1} << length) - 1;
    bits &= ~(bytes << i);
    if ((flags & unicode::kLetter) != 0) {
      add(bytes, i, kinds.letters, state.letters);
    } else if ((flags & unicode::kNumber) != 0) {
      add(bytes, i, kinds.numbers, state.numbers);
    } else if ((flags & unicode::kWhiteSpace) != 0) {
      add(bytes, i, kinds.whites, state.whites);
      if (!is_white_at(text, at + length)) kinds.last_whites |= uint64_t{1} << i;
    }
  }
}

// Bytes of the contraction that begins with the apostrophe at `at`; 0 if none does.
inline int contraction_at(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at + 1, 2);
  if (rest.empty()) return 0;
  if (rest[0] == 's' || rest[0] == 't' || rest[0] == 'm' || rest[0] == 'd') return 2;
  return rest == "re" || rest == "ve" || rest == "ll" ? 3 : 0;
}

// Where words begin in the block at `begin`.
inline uint64_t begins_of(std::string_view text, size_t begin, Kinds& kinds, ByteLevelState& state) {
  if ((kinds.beyond_ascii | state.letters | state.numbers | state.whites) != 0)
    add_beyond_ascii(text, begin, kinds, state);
  const uint64_t white = kinds.whites, others = ~(kinds.letters | kinds.numbers | white);
  const auto before = [](uint64_t bits, uint64_t carried) { return bits << 1 | carried; };
  const uint64_t same = (kinds.letters & before(kinds.letters, state.letter)) |
                        (kinds.numbers & before(kinds.numbers, state.number)) | (others & before(others, state.other));
  uint64_t last = white & ~kinds.beyond_ascii & ~(white >> 1);
  if (last >> 63 != 0 && is_white_at(text, begin + 64)) last &= ~(uint64_t{1} << 63);
  last |= kinds.last_whites;
  uint64_t begins =
      (~white & ~same & ~before(kinds.spaces, state.space)) | (white & ~before(white, state.white)) | last;
  begins = (begins & ~state.goes_on) | state.begins;
  state.begins = state.goes_on = 0;
  for (uint64_t bits = begins & kinds.apostrophes; bits != 0; bits &= bits - 1) {
    const int i = std::countr_zero(bits);
    const int length = contraction_at(text, begin + static_cast<size_t>(i));
    if (length == 0) continue;
    (i + 1 < 64 ? begins : state.goes_on) ^= uint64_t{1} << ((i + 1) & 63);
    (i + length < 64 ? begins : state.begins) |= uint64_t{1} << ((i + length) & 63);
  }
  state.letter = kinds.letters >> 63;
  state.number = kinds.numbers >> 63;
  state.white = white >> 63;
  state.other = others >> 63;
  state.space = kinds.spaces >> 63;
  return begins;
}

}  // namespace tekio::byte_level
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// `blocks` of 64 bytes, which are those of `text` at `position`. Writes where words begin; 7 places beyond may be
// overwritten.
uint32_t* find_words(std::string_view text, size_t position, const uint8_t* bytes, size_t blocks, ByteLevelState& state,
                     uint32_t* out) {
  const Bytes d;
  const size_t lanes = hn::Lanes(d);
  for (; blocks > 0; --blocks, bytes += 64, position += 64) {
    byte_level::Kinds kinds;
    for (size_t i = 0; i < 64; i += lanes) {
      const auto v = hn::LoadU(d, bytes + i);
      const auto space = hn::Eq(v, hn::Set(d, ' '));
      kinds.letters |= bits_of(in_range(hn::Or(v, hn::Set(d, 0x20)), 'a', 'z')) << i;
      kinds.numbers |= bits_of(in_range(v, '0', '9')) << i;
      kinds.spaces |= bits_of(space) << i;
      kinds.whites |= bits_of(hn::Or(space, in_range(v, '\t', '\r'))) << i;
      kinds.apostrophes |= bits_of(hn::Eq(v, hn::Set(d, '\''))) << i;
      kinds.beyond_ascii |= bits_of(hn::Ne(hn::Min(v, hn::Set(d, 0x7F)), v)) << i;
    }
    const uint64_t begins = byte_level::begins_of(text, position, kinds, state);
    out = write_places(begins, static_cast<uint32_t>(position), out);
  }
  return out;
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(find_words);

void ByteLevelScanner::start(std::string_view text) {
  text_ = text;
  position_ = count_ = 0;
  begins_[0] = 0;
  state_ = {};
  done_ = text.empty();
}

bool ByteLevelScanner::next() {
  if (done_) return false;
  go_on();
  uint32_t* const first = begins_.data() + (position_ > 0);
  const auto* bytes = reinterpret_cast<const uint8_t*>(text_.data());
  const size_t blocks = std::min(kWindow, text_.size() - position_) / kBlock;
  uint32_t* end = HWY_DYNAMIC_DISPATCH(find_words)(text_, position_, bytes + position_, blocks, state_, first);
  position_ += blocks * kBlock;
  if (const size_t rest = text_.size() - position_; blocks < kWindow / kBlock) {
    // The end, with white space behind it.
    std::array<uint8_t, kBlock> last;
    last.fill(' ');
    std::memcpy(last.data(), bytes + position_, rest);
    end = HWY_DYNAMIC_DISPATCH(find_words)(text_, position_, last.data(), 1, state_, end);
    while (end > begins_.data() + 1 && end[-1] >= text_.size()) --end;
    *end++ = static_cast<uint32_t>(text_.size());
    done_ = true;
  }
  count_ = static_cast<size_t>(end - begins_.data()) - 1;
  return true;
}

}  // namespace tekio
#endif  // HWY_ONCE
