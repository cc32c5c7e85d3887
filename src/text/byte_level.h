// The alphabet of byte-level vocabularies: a printable character for every byte, so that any text can be spelt. ASCII's
// and Latin-1's printable characters stand for their own bytes, U+0100 and those after it for the other 68, in order.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "text/utf8.h"

namespace tekio::byte_level {

inline constexpr char32_t kFirstOther = 0x100;
inline constexpr int kOthers = 68;
inline constexpr char32_t kSpace = 0x120;  ///< stands for ' '

inline constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/// The character of each byte.
inline constexpr std::array<char16_t, 256> kCharacters = [] {
  std::array<char16_t, 256> characters{};
  auto other = static_cast<char16_t>(kFirstOther);
  for (int byte = 0; byte < 256; ++byte)
    characters[static_cast<size_t>(byte)] = stands_for_itself(byte) ? static_cast<char16_t>(byte) : other++;
  return characters;
}();

/// The bytes of the characters that are not their own.
inline constexpr std::array<uint8_t, kOthers> kBytesOfOthers = [] {
  std::array<uint8_t, kOthers> bytes{};
  size_t count = 0;
  for (int byte = 0; byte < 256; ++byte)
    if (!stands_for_itself(byte)) bytes[count++] = static_cast<uint8_t>(byte);
  return bytes;
}();

/// The byte that a character stands for; -1 if it stands for none.
inline constexpr int byte_of(char32_t c) {
  if (c < kFirstOther) return stands_for_itself(static_cast<int>(c)) ? static_cast<int>(c) : -1;
  return c < kFirstOther + kOthers ? kBytesOfOthers[c - kFirstOther] : -1;
}

/// Appends the characters that stand for some bytes, as UTF-8.
inline void append_spelt(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) append_utf8(out, kCharacters[static_cast<unsigned char>(byte)]);
}

}  // namespace tekio::byte_level
