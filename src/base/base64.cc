#include "base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace tekio {
namespace {

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNoDigit = 64;

constexpr std::array<uint8_t, 256> values_of_digits() {
  std::array<uint8_t, 256> values{};
  for (uint8_t& value : values) value = kNoDigit;
  for (uint8_t i = 0; i < kNoDigit; ++i) values[static_cast<unsigned char>(kDigits[i])] = i;
  return values;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - at);
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (size_t i = 0; i < 4; ++i) text += i <= count ? kDigits[group >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

std::optional<std::string> bytes_of_base64(std::string_view text) {
  static constexpr auto kValues = values_of_digits();
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t at = 0; at < text.size(); at += 4) {
    size_t digits = 4;
    if (at + 4 == text.size()) digits -= (text[at + 3] == '=') + (text[at + 3] == '=' && text[at + 2] == '=');
    uint32_t group = 0, wrong = 0;
    for (size_t i = 0; i < 4; ++i) {
      const uint32_t value = i < digits ? kValues[static_cast<unsigned char>(text[at + i])] : 0u;
      wrong |= value & kNoDigit;
      group = group << 6 | (value & 63);
    }
    // Bits beyond the last byte are zeros.
    if (wrong != 0 || (digits < 4 && (group & ((1u << (8 * (4 - digits))) - 1)) != 0)) return std::nullopt;
    for (size_t i = 0; i + 1 < digits; ++i) bytes += static_cast<char>(group >> (16 - 8 * i));
  }
  return bytes;
}

}  // namespace tekio
