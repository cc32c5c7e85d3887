#include "report/html.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "base/error.h"
#include "base/log.h"

namespace tekio::report {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text, text.size())) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string figure(double value, int digits) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (size >= 1e15) return fmt::format("{:.{}g}", value, digits);
  if (size >= std::pow(10, digits)) return with_commas(static_cast<int64_t>(std::llround(value)));
  if (size > 0 && size < 1e-3) {
    std::string text = fmt::format("{:.{}e}", value, digits - 1);  // 1.23e-04
    const size_t at = text.find('e');
    const int power = std::stoi(text.substr(at + 1));
    return fmt::format("{}e{}", text.substr(0, at), power);
  }
  if (size == 0) return "0";
  const int before = size >= 1 ? static_cast<int>(std::log10(size)) + 1 : 0;
  return fmt::format("{:.{}f}", value, std::max(0, digits - before));
}

std::string percent(double share) { return std::isfinite(share) ? fmt::format("{:.1f} %", 100 * share) : "–"; }

std::string duration(double seconds) {
  if (!std::isfinite(seconds)) return "–";
  return seconds < 10 ? fmt::format("{:.2f} s", seconds) : clock_time(seconds);
}

}  // namespace tekio::report
