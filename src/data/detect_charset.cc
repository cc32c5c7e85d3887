// Every candidate decodes the sample; what comes out is scored, and the best one is proposed.
#include "data/detect_charset.h"

#include <simdjson.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "data/charset_candidates.h"
#include "data/charset_score.h"
#include "data/utf8_share.h"

namespace tekio {
namespace {

constexpr size_t kSampleBytes = size_t{64} << 10;
constexpr double kLeastScore = 0.35;  // of a mean between about -3 and 1.5; rubbish stays below 0.2
// Scores that differ by no more decide nothing: of many characters, and what one alone adds to it.
constexpr double kCloseScores = 0.04, kCloseScoreOfOne = 0.4;

/// Lines that are not ASCII, as whole as they are, until there are kSampleBytes.
std::string lines_to_judge(std::string_view sample) {
  std::string lines;
  while (!sample.empty() && lines.size() < kSampleBytes) {
    const size_t end = std::min(sample.find('\n'), sample.size() - 1) + 1;
    const std::string_view line = sample.substr(0, end);
    if (!is_ascii(line)) lines.append(line, 0, kSampleBytes - lines.size());
    sample.remove_prefix(end);
  }
  return lines;
}

/// Whether `bytes` are UTF-8, but for a character at their end that may have been cut through.
bool is_utf8(std::string_view bytes) {
  size_t tail = 0;
  while (tail < std::min<size_t>(3, bytes.size()) &&
         (static_cast<unsigned char>(bytes[bytes.size() - 1 - tail]) & 0xC0) == 0x80)
    ++tail;
  if (tail < bytes.size() && tail < 3) {
    const auto lead = static_cast<unsigned char>(bytes[bytes.size() - 1 - tail]);
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
    if (tail + 1 < length) bytes.remove_suffix(tail + 1);
  }
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

}  // namespace

LikelyCharset likely_charsets(std::string_view sample) {
  if (is_ascii(sample))
    if (std::string shifted = charset_of_escapes(sample); !shifted.empty()) return {shifted, ""};
  if (is_utf8(sample) && sample.find('\0') == std::string_view::npos) return {"utf-8", ""};
  if (std::string wide = charset_of_zeros(sample); !wide.empty()) return {wide, ""};
  if (is_utf8(sample)) return {};
  struct Reading {
    const char* charset;
    std::u32string text;
    double score;
  };
  const std::string lines = lines_to_judge(sample);
  std::vector<Reading> readings;
  const char* tried = "";
  for (const CharsetCandidate& candidate : charset_candidates()) {
    if (std::string_view(tried) != candidate.charset) {
      tried = candidate.charset;
      if (const auto utf8 = decoded(find_charset(tried), lines, true))
        readings.push_back({tried, code_points(*utf8), kLeastScore});
    }
    if (readings.empty() || readings.back().charset != std::string_view(tried)) continue;
    Reading& reading = readings.back();
    reading.score =
        std::max(reading.score, charset_score(reading.text, candidate.letters, candidate.doubt) - candidate.rarity);
  }
  std::erase_if(readings, [](const Reading& reading) { return reading.score <= kLeastScore + 1e-9; });
  std::stable_sort(readings.begin(), readings.end(),
                   [](const Reading& a, const Reading& b) { return a.score > b.score + 1e-9; });
  if (readings.empty()) return {};
  const Reading& best = readings.front();
  const auto characters = std::count_if(best.text.begin(), best.text.end(), [](char32_t c) { return c >= 0x80; });
  const double margin = kCloseScores + kCloseScoreOfOne / static_cast<double>(characters);
  for (const Reading& other : readings)
    if (other.text != best.text && other.score >= best.score - margin) return {best.charset, other.charset};
  return {best.charset, ""};
}

std::string likely_charset(std::string_view sample) { return likely_charsets(sample).name; }

bool is_mostly_utf8(std::string_view sample) {
  const Utf8Share share = utf8_share(sample);
  return share.sequences > share.wrong;
}

std::string charset_advice(std::string_view sample, const Charset& read_as) {
  if (is_mostly_utf8(sample))
    return read_as.is_utf8() ? "the rest around it is UTF-8, so it is damage or pasted from elsewhere: mend it there"
                             : message("it is likely UTF-8, which needs no --encoding");
  const LikelyCharset likely = likely_charsets(sample);
  if (likely.name.empty() || likely.name == read_as.name)
    return message("its encoding was not recognised: name it by --encoding NAME, or mend the file");
  if (!likely.other.empty() && likely.other != read_as.name)
    return message("it is likely {0} or {1}: --encoding {0} or --encoding {1}, whichever reads right", likely.name,
                   likely.other);
  return message("it is likely {0}: --encoding {0}", likely.name);
}

}  // namespace tekio
