// UTF-8, by character. Text from outside may be broken: sanitize() replaces what is invalid once, at the door, and all
// else in this room relies on valid text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tekio {

/// `text` itself if it is valid UTF-8; else a copy in `storage` in which each maximal invalid sequence became U+FFFD
/// (the practice that the Unicode standard recommends, and that Python's errors="replace" follows).
std::string_view sanitize(std::string_view text, std::string& storage);

/// The character at `at`, which then points past it. `at` stands at a character's first byte in valid UTF-8.
inline char32_t decode_utf8(const char*& at) {
  const auto byte = [&](int i) { return static_cast<char32_t>(static_cast<unsigned char>(at[i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return at += 1, lead;
  if (lead < 0xE0) return at += 2, (lead & 0x1F) << 6 | (static_cast<unsigned char>(at[-1]) & 0x3F);
  if (lead < 0xF0) {
    const char32_t c = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    return at += 3, c;
  }
  const char32_t c = (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  return at += 4, c;
}

/// Bytes of the character whose first byte is `lead`, in valid UTF-8.
inline size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Writes a character at `out`, which has room for 4 bytes; returns their number.
inline int encode_utf8(char32_t c, char* out) {
  const auto put = [&](int i, char32_t bits) { out[i] = static_cast<char>(bits); };
  if (c < 0x80) return put(0, c), 1;
  if (c < 0x800) return put(0, 0xC0 | c >> 6), put(1, 0x80 | (c & 0x3F)), 2;
  if (c < 0x10000) return put(0, 0xE0 | c >> 12), put(1, 0x80 | (c >> 6 & 0x3F)), put(2, 0x80 | (c & 0x3F)), 3;
  return put(0, 0xF0 | c >> 18), put(1, 0x80 | (c >> 12 & 0x3F)), put(2, 0x80 | (c >> 6 & 0x3F)),
         put(3, 0x80 | (c & 0x3F)), 4;
}

inline void append_utf8(std::string& out, char32_t c) {
  char bytes[4];
  out.append(bytes, static_cast<size_t>(encode_utf8(c, bytes)));
}

/// The last character before `end`, which then points at its first byte. Valid UTF-8 that begins before `end`.
inline char32_t decode_utf8_before(const char*& end) {
  do --end;
  while ((static_cast<unsigned char>(*end) & 0xC0) == 0x80);
  const char* at = end;
  return decode_utf8(at);
}

}  // namespace tekio
