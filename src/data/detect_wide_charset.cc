// What bytes say themselves of their encoding: zeros (UTF-16 and UTF-32), escape sequences (ISO-2022), UTF-8's pattern.
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "data/detect_charset.h"
#include "data/utf8_share.h"

namespace tekio {
namespace {

constexpr size_t kWideSampleBytes = size_t{64} << 10;

/// How bytes read as UTF-16 in one order.
struct Utf16Signs {
  int64_t units = 0;
  int64_t latin = 0;      ///< of ASCII (blanks and line ends above all) and Latin-1: one byte is zero
  int64_t pairs = 0;      ///< of two printable ASCII bytes: rare characters there, but all that is in ASCII text
  int64_t wrong = 0;      ///< controls, halves of pairs, private use
  int64_t line_ends = 0;  ///< units
  int64_t newlines = 0;   ///< bytes

  bool read_as_text() const {
    return latin > 0 && latin * 200 >= units && pairs * 2 <= units && wrong * 50 <= units &&
           newlines - line_ends <= std::max(line_ends, units / 64);
  }
};

Utf16Signs utf16_signs(std::string_view bytes, bool big) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])); };
  const auto unit = [&](size_t i) { return big ? byte(i) << 8 | byte(i + 1) : byte(i + 1) << 8 | byte(i); };
  const auto printable = [&](size_t i) { return byte(i) >= 0x20 && byte(i) < 0x7F; };
  Utf16Signs signs;
  for (size_t at = 0; at + 1 < bytes.size(); at += 2, ++signs.units) {
    const uint32_t c = unit(at);
    const bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7F && c < 0xA0);
    signs.newlines += (byte(at) == '\n') + (byte(at + 1) == '\n');
    signs.line_ends += c == '\n';
    signs.latin += c < 0x100 && !control;
    signs.pairs += printable(at) && printable(at + 1);
    if (c >= 0xD800 && c < 0xDC00 && at + 3 < bytes.size() && unit(at + 2) >= 0xDC00 && unit(at + 2) < 0xE000) {
      at += 2;
      continue;
    }
    signs.wrong += control || (c >= 0xD800 && c < 0xF900) || c >= 0xFFFE;
  }
  return signs;
}

}  // namespace

Utf8Share utf8_share(std::string_view bytes) {
  Utf8Share share;
  for (size_t at = 0; at < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[at]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const bool good = at + length <= bytes.size() && simdjson::validate_utf8(bytes.data() + at, length);
    (good ? share.sequences : share.wrong) += length > 1 || !good;
    at += good ? length : 1;
  }
  return share;
}

bool is_ascii(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string charset_of_escapes(std::string_view bytes) {
  struct Escape {
    std::string_view behind;
    const char* charset;
  };
  static constexpr Escape kEscapes[] = {{"$B", "iso-2022-jp"},  // to JIS X 0208, of either year, and to JIS X 0201
                                        {"$@", "iso-2022-jp"},
                                        {"(J", "iso-2022-jp"},
                                        {"$)C", "iso-2022-kr"}};
  for (size_t at = bytes.find('\x1B'); at != std::string_view::npos; at = bytes.find('\x1B', at + 1))
    for (const Escape& escape : kEscapes)
      if (bytes.substr(at + 1).starts_with(escape.behind)) return escape.charset;
  return "";
}

std::string charset_of_zeros(std::string_view bytes) {
  bytes = bytes.substr(0, kWideSampleBytes);
  std::array<int64_t, 4> zeros{};
  for (size_t i = 0; i < bytes.size(); ++i) zeros[i % 4] += bytes[i] == '\0';
  if (std::all_of(zeros.begin(), zeros.end(), [](int64_t count) { return count == 0; })) return "";
  const auto all = static_cast<int64_t>(bytes.size() / 4), most = all - all / 16;
  if (all > 1 && zeros[3] >= most && zeros[2] >= most && zeros[0] <= all / 16) return "utf-32le";
  if (all > 1 && zeros[0] >= most && zeros[1] >= most && zeros[3] <= all / 16) return "utf-32be";
  const Utf8Share utf8 = utf8_share(bytes);
  if (utf8.sequences > utf8.wrong) return "";
  const Utf16Signs little = utf16_signs(bytes, false), big = utf16_signs(bytes, true);
  const bool is_little = little.read_as_text(), is_big = big.read_as_text();
  if (is_little && is_big) return big.latin > little.latin ? "utf-16be" : "utf-16le";
  return is_little ? "utf-16le" : is_big ? "utf-16be" : "";
}

}  // namespace tekio
