// Every candidate decodes the sample; what comes out is scored by what letters of its script's languages are frequent,
// and by what text never is: letters of two scripts in a word, a capital behind a small letter, a symbol between
// letters. Means over what is not ASCII, so that candidates of one byte a character and of two compare.
#include "data/detect_charset.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace tekio {
namespace {

constexpr size_t kSampleBytes = size_t{64} << 10;
constexpr double kLeastScore = 0.35;  // of a mean between about -3 and 1.5; rubbish stays below 0.2
// Scores that differ by no more decide nothing: of many characters, and what one alone adds to it.
constexpr double kCloseScores = 0.04, kCloseScoreOfOne = 0.4;

enum class Script : uint8_t { none, latin, cyrillic, greek, hebrew, arabic, thai, kana, hangul, han };

Script script_of(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (within('a', 'z') || within('A', 'Z') || c == 0xAA || c == 0xBA) return Script::latin;
  if (within(0xC0, 0x24F) || within(0x1E00, 0x1EFF)) return c == 0xD7 || c == 0xF7 ? Script::none : Script::latin;
  if (within(0x386, 0x3FF) && c != 0x387) return Script::greek;
  if (within(0x400, 0x52F)) return Script::cyrillic;
  if (within(0x5D0, 0x5F2)) return Script::hebrew;
  if (within(0x620, 0x6FF) && !within(0x660, 0x66D)) return Script::arabic;
  if (within(0xE01, 0xE4E) && c != 0xE3F) return Script::thai;
  if (within(0x3041, 0x30FF) || within(0xFF66, 0xFF9F)) return Script::kana;
  if (within(0x1100, 0x11FF) || within(0xAC00, 0xD7A3)) return Script::hangul;
  if (within(0x3400, 0x9FFF) || within(0xF900, 0xFAFF)) return Script::han;
  return Script::none;
}

/// The small letter of a capital outside of ASCII, for the scripts that have both; else `c`.
char32_t lowered(char32_t c) {
  if (c >= 'A' && c <= 'Z') return c + 32;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;
  if ((c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177)) return c | 1;
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) return c % 2 == 1 ? c + 1 : c;
  if (c == 0x178) return 0xFF;
  if (c >= 0x391 && c <= 0x3A9) return c + 32;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  if (c == 0x490) return 0x491;
  return c;
}
bool is_capital(char32_t c) { return lowered(c) != c; }

std::u32string code_points(std::string_view text) {
  std::u32string points(text.size(), U'\0');
  points.resize(simdjson::validate_utf8(text.data(), text.size()) ? text.size() : 0);
  size_t count = 0;
  for (size_t at = 0; at < text.size() && !points.empty();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t c = length == 1 ? lead : lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; ++i) c = c << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3Fu);
    points[count++] = c;
    at += length;
  }
  points.resize(count);
  return points;
}

/// What a language writes often, in an encoding that it may be in.
struct Candidate {
  const char* charset;
  const char* letters;  ///< small ones; of Chinese, Japanese and Korean the most frequent characters
  double rarity = 0;    ///< taken from the score: nobody has written it for long
  double doubt = 0;     ///< taken from the sum that the score is the mean of
};
constexpr const char* kFrench = "éèàçêâîôûëïùœ";
constexpr const char* kGerman = "üöäß";
constexpr const char* kSpanish = "áéíóúñü";
constexpr const char* kPortuguese = "ãáçéêóíâõúàô";
constexpr const char* kNordic = "äöåøæé";
constexpr const char* kPolish = "ąćęłńóśźż";
constexpr const char* kCzech = "áčďéěíňóřšťúůýž";
constexpr const char* kHungarian = "áéíóöőúüű";
// Most frequent ones first; what stands behind the space is rare enough to count against.
constexpr const char* kCyrillic = "оеаинтсрвлкмдпуяыьгзбчйхжю шцщэфёіїєґўјљњћђџѓќѕ";
constexpr const char* kGreek = "αοιετσνηυρπκμλςωδγχθφβξζψάέήίόύώϊϋΐΰ";
constexpr const char* kJapanese =
    "のにはをたがでてとしれさいなるあらりこもすかきくまっうけせそだどよわんおえみめやつちじ日一国会人年大十二本中"
    "長出三時行見月分後前生上間東金子外今入学高円小気自者名何女先社地業部力手方学事発場新方語定";
constexpr const char* kSimplified =
    "的一是了不在有人我他这中来上大个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心"
    "多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将"
    "外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被";
constexpr const char* kTraditional =
    "的一是了不在有人我他這中來上大個國到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可她裡後小麼心"
    "多天而能好都然沒日於起還發成事只作當想看文無開手十用主行方又如前所本見經頭面公同三已老從動兩長知民樣現分將"
    "外但身些與高意進把法此實回二理美點月明其種聲全工己話兒者向情部正名定女問力機給等幾很業最間新什打便位因重被";
constexpr const char* kKorean =
    "이다는의에을가고하지한를은로기사도서나리자인어시대해아라그일정수들부전스보게있으면없었까요니만여상제구장주성";
/// Of equal scores the first wins, so what is most common stands first; those of an encoding stand together.
constexpr Candidate kCandidates[] = {
    {"cp1252", kFrench},
    {"cp1252", kGerman},
    {"cp1252", kSpanish},
    {"cp1252", "àèéìòù"},
    {"cp1252", kPortuguese},
    {"cp1252", kNordic},
    {"cp1252", "ëïéèöüá"},
    {"cp1252", "àéèíïóòúüç"},
    {"cp1252", "áéíóúýðþæö"},
    {"cp1252", "õäöüšž"},
    {"cp932", kJapanese},
    {"euc-jp", kJapanese},
    {"gb18030", kSimplified},
    {"big5", kTraditional},
    {"euc-kr", kKorean},
    {"cp949", kKorean},
    {"cp1251", kCyrillic},
    {"koi8-r", kCyrillic},
    {"koi8-u", kCyrillic},
    {"mac-cyrillic", kCyrillic, 0.02, 1.5},  // differs from cp1251 in capitals and in я
    {"cp866", kCyrillic, 0.3},
    {"iso-8859-5", kCyrillic, 0.3},
    {"cp1250", kPolish},
    {"cp1250", kCzech},
    {"cp1250", kHungarian},
    {"cp1250", "áäčďéíľňóôšťúýž"},
    {"cp1250", "čćžšđ"},
    {"cp1250", "ăâîşţ"},
    {"latin2", kPolish},
    {"latin2", kCzech},
    {"latin2", kHungarian},
    {"latin2", "čćžšđ"},
    {"cp1253", kGreek},
    {"cp1254", "çğıöşü"},
    {"cp1255", "יוהלאבתרמשנםדעחקפגכןטסזצךףץ"},
    {"cp1256", "اليمونرتبةعدسفهكحقجشطصخذىضغئءثأزظؤإآپچژگ"},
    {"cp1257", "ąčęėįšųūž"},
    {"cp1257", "āčēģīķļņšūž"},
    {"cp1257", "õäöüšž"},
    {"cp874", "านรอกเงมยวลทดตะสปบคหแพชขใจโ่้ีิัืุ็์ูไำ"},
    {"latin9", kFrench},
    {"mac-roman", kFrench, 0.3},
    {"mac-roman", kGerman, 0.3},
    {"mac-roman", kSpanish, 0.3},
    {"mac-roman", kNordic, 0.3},
    {"cp850", kFrench, 0.3},
    {"cp850", kGerman, 0.3},
    {"cp850", kSpanish, 0.3},
    {"cp850", kPortuguese, 0.3},
    {"cp850", kNordic, 0.3},
};

class Scorer {
 public:
  explicit Scorer(const char* letters) {
    const std::u32string all = code_points(letters);
    const size_t frequent = std::min(all.find(U' '), all.size());
    script_ = script_of(all.front());
    for (size_t i = 0; i < all.size(); ++i) {
      const double rank = static_cast<double>(i) / static_cast<double>(all.size());
      weights_.emplace(all[i], script_ == Script::latin ? 1.2 : i < frequent ? 1.6 - 1.2 * rank : -0.3);
    }
  }

  /// The mean over the characters of `text` that are not ASCII, less where they are few; of another script than Latin,
  /// one at least must be a frequent one.
  double score(const std::u32string& text, double more_doubt) const {
    double sum = 0;
    int64_t count = 0;
    bool any_frequent = script_ == Script::latin;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] < 0x80) continue;
      any_frequent = any_frequent || weights_.contains(lowered(text[i]));
      sum += of(text[i], i > 0 ? text[i - 1] : U' ', i + 1 < text.size() ? text[i + 1] : U' ');
      ++count;
    }
    const double doubt = (script_ == Script::latin ? 0.4 : 1.2) + more_doubt;
    if (!any_frequent || count == 0) return 0;
    return (sum - doubt) / static_cast<double>(count) - (lacks_accents(text) ? 0.5 : 0);
  }

 private:
  /// Whether much of `text` is small Greek letters and next to none has an accent, which nearly every word has.
  bool lacks_accents(const std::u32string& text) const {
    if (script_ != Script::greek) return false;
    int64_t letters = 0, accents = 0;
    for (const char32_t c : text) {
      accents += (c >= 0x3AC && c <= 0x3AF) || (c >= 0x3CC && c <= 0x3CE);
      letters += c >= 0x3AC && c <= 0x3CE;
    }
    return letters >= 12 && accents * 20 < letters;
  }

  double of(char32_t c, char32_t before, char32_t after) const {
    const Script script = script_of(c);
    if (script == Script::none) return of_sign(c, before, after);
    if (script == Script::han || script == Script::hangul || script == Script::kana) return of_east_asian(c, script);
    const auto weight = weights_.find(lowered(c));
    double score = weight == weights_.end() ? -1 : weight->second;
    if (script != Script::latin && script_of(before) != script && script_of(after) != script) score -= 0.8;
    for (const char32_t beside : {before, after}) {
      const Script other = script_of(beside);
      if (other != Script::none && other != script) score -= 2;  // two scripts in a word
      if (script == Script::latin && other == script && beside >= 0x80) score -= 0.5;
    }
    if (is_capital(c)) score -= of_capital(script, before, after);
    return score - of_place(c, before, after);
  }

  /// What a capital takes away: little in a word of capitals, much behind a small letter.
  static double of_capital(Script script, char32_t before, char32_t after) {
    if (script_of(before) == script && !is_capital(before)) return 2.5;
    return is_capital(before) && is_capital(after) ? 0.1 : 0.3;
  }

  /// What a letter takes away that does not stand there in its language.
  static double of_place(char32_t c, char32_t before, char32_t after) {
    const bool begins = script_of(before) == Script::none, ends = script_of(after) == Script::none;
    if (c == U'ς' && !ends) return 2;
    if ((c == U'þ' || c == U'ð') && (c == U'þ') != begins) return 0.8;
    if ((c == U'õ' || c == U'û') && ends) return 0.8;
    return 0;
  }

  double of_east_asian(char32_t c, Script script) const {
    if (weights_.contains(c)) return 1.4;
    if (c >= 0xFF66 && c <= 0xFF9F) return -0.6;  // narrow katakana: one byte each
    const bool japanese = weights_.contains(U'の');
    if (script == Script::kana) return japanese ? 1 : -0.6;
    if (script == Script::hangul) return script_ == Script::hangul ? 0.5 : -1;
    return script_ == Script::hangul ? -0.7 : japanese ? 0.25 : c >= 0x4E00 ? 0.3 : -1;
  }

  double of_sign(char32_t c, char32_t before, char32_t after) const {
    const bool letter_before = script_of(before) != Script::none, letter_after = script_of(after) != Script::none;
    const bool east = script_ == Script::han || script_ == Script::kana || script_ == Script::hangul;
    if (c >= 0x3000 && c <= 0x303F) return east ? 1 : -1;
    if (c >= 0xFF01 && c <= 0xFF5E) return east ? 0.7 : -1;
    if (c == 0x2019 && letter_before) return 1;  // an apostrophe
    if (c == 0xA0) return 0.9;  // a blank, wherever words are, so less telling than what stands beside them
    if (letter_before && letter_after) return east ? 0 : -2;
    constexpr std::u32string_view kOften = U"“”‘’–—…«»„‚•€£°§·¿¡©®™²³½¼ºª№″′";
    if (kOften.find(c) != std::u32string_view::npos) return 1.2;
    const bool control = c < 0xA0, own = (c >= 0xE000 && c <= 0xF8FF) || c >= 0xF0000;
    return control || own ? -3 : -0.8;
  }

  std::unordered_map<char32_t, double> weights_;
  Script script_ = Script::none;
};

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

/// Sequences of several bytes that are UTF-8, and bytes that are not.
struct Utf8Share {
  int64_t sequences = 0, wrong = 0;
};
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
  bytes = bytes.substr(0, kSampleBytes);
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
  for (const Candidate& candidate : kCandidates) {
    if (std::string_view(tried) != candidate.charset) {
      tried = candidate.charset;
      if (const auto utf8 = decoded(find_charset(tried), lines, true))
        readings.push_back({tried, code_points(*utf8), kLeastScore});
    }
    if (readings.empty() || readings.back().charset != std::string_view(tried)) continue;
    Reading& reading = readings.back();
    reading.score =
        std::max(reading.score, Scorer(candidate.letters).score(reading.text, candidate.doubt) - candidate.rarity);
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
                             : "it is likely UTF-8, which needs no --encoding";
  const LikelyCharset likely = likely_charsets(sample);
  if (likely.name.empty() || likely.name == read_as.name)
    return "its encoding was not recognised: name it by --encoding NAME, or mend the file";
  if (!likely.other.empty() && likely.other != read_as.name)
    return fmt::format("it is likely {0} or {1}: --encoding {0} or --encoding {1}, whichever reads right", likely.name,
                       likely.other);
  return fmt::format("it is likely {0}: --encoding {0}", likely.name);
}

}  // namespace tekio
