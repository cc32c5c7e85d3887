// A unit: bits 0 to 7 and 31, the byte that leads to it; bit 8, whether a string may end here; from bit 10, or 8 bits
// further where bit 9 is set, how its children's places differ from its own. Bits 0 to 30 of a leaf are its value.
#include "text/charsmap.h"

#include <simdjson.h>

#include "base/error.h"
#include "base/log.h"

namespace tekio {
namespace {

uint32_t little_endian(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

size_t children_of(uint32_t unit) { return size_t{unit >> 10} << ((unit & 1u << 9) >> 6); }

}  // namespace

Charsmap::Charsmap(std::string bytes, std::string where) : bytes_(std::move(bytes)), where_(std::move(where)) {
  const size_t size = bytes_.size() < 4 ? 0 : little_endian(bytes_, 0), units = size / 4;
  if (units == 0 || 4 * units > bytes_.size() - 4)
    fail(ErrorKind::input, "{}: the precompiled_charsmap has {} bytes, which hold no table of {}", where_,
         with_commas(static_cast<int64_t>(bytes_.size())), with_commas(static_cast<int64_t>(size)));
  units_.resize(units);
  for (size_t i = 0; i < units; ++i) units_[i] = little_endian(bytes_, 4 + 4 * i);
  if (!simdjson::validate_utf8(strings().data(), strings().size()))
    fail(ErrorKind::input, "{}: the strings of the precompiled_charsmap are not valid UTF-8", where_);
}

void Charsmap::refuse() const {
  fail(ErrorKind::input, "{}: the precompiled_charsmap is damaged: it leads out of its table", where_);
}

uint32_t Charsmap::unit(size_t place) const {
  if (place >= units_.size()) refuse();
  return units_[place];
}

// Goes along the tree to the first place where a string ends, whose leaf it puts into `leaf`: the bytes that lead
// there; 0 if they end before, SIZE_MAX if they lead nowhere.
size_t Charsmap::walk(std::string_view text, uint32_t& leaf) const {
  constexpr uint32_t kLabel = 1u << 31 | 0xFF, kMayEnd = 1u << 8;
  size_t place = children_of(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0) return SIZE_MAX;
    place ^= byte;
    const uint32_t here = unit(place);
    if ((here & kLabel) != byte) return SIZE_MAX;
    place ^= children_of(here);
    if ((here & kMayEnd) == 0) continue;
    leaf = unit(place);
    return i + 1;
  }
  return 0;
}

std::optional<std::string_view> Charsmap::find(std::string_view text) const {
  uint32_t leaf = 0;
  if (const size_t length = walk(text, leaf); length == 0 || length == SIZE_MAX) return std::nullopt;
  const size_t begin = leaf & ((1u << 31) - 1);
  const std::string_view all = strings();
  const bool inside = begin < all.size() && (static_cast<unsigned char>(all[begin]) & 0xC0) == 0x80;
  if (begin > all.size() || inside) refuse();
  return all.substr(begin, std::min(all.find('\0', begin), all.size()) - begin);
}

bool Charsmap::may_begin(std::string_view text) const {
  uint32_t leaf = 0;
  return walk(text, leaf) != SIZE_MAX;
}

}  // namespace tekio
