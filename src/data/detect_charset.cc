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
  double score(const std::u32string& text) const {
    double sum = 0;
    int64_t count = 0;
    bool any_frequent = script_ == Script::latin;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] < 0x80) continue;
      any_frequent = any_frequent || weights_.contains(lowered(text[i]));
      sum += of(text[i], i > 0 ? text[i - 1] : U' ', i + 1 < text.size() ? text[i + 1] : U' ');
      ++count;
    }
    const double doubt = script_ == Script::latin ? 0.4 : 1.2;
    return any_frequent && count > 0 ? (sum - doubt) / static_cast<double>(count) : 0;
  }

 private:
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
    if (is_capital(c)) score -= script_of(before) == script && !is_capital(before) ? 2.5 : 0.3;
    return score;
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
    if (letter_before && letter_after) return east ? 0 : -2;
    constexpr std::u32string_view kOften = U"“”‘’–—…«»„‚•€£°§·\u00A0¿¡©®™²³½¼ºª№″′";
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

}  // namespace

bool is_ascii(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string charset_of_zeros(std::string_view bytes) {
  std::array<int64_t, 4> zeros{};
  for (size_t i = 0; i < bytes.size(); ++i) zeros[i % 4] += bytes[i] == '\0';
  const auto all = zeros[0] + zeros[1] + zeros[2] + zeros[3], quarter = static_cast<int64_t>(bytes.size() / 4);
  if (all == 0) return "";
  if (zeros[2] + zeros[3] >= quarter * 7 / 4 && zeros[1] >= quarter / 2 && zeros[0] == 0 && quarter > 1)
    return "utf-32le";
  if (zeros[0] + zeros[1] >= quarter * 7 / 4 && zeros[2] >= quarter / 2 && zeros[3] == 0 && quarter > 1)
    return "utf-32be";
  const int64_t even = zeros[0] + zeros[2], odd = zeros[1] + zeros[3];
  if (odd > 9 * even) return "utf-16le";
  if (even > 9 * odd) return "utf-16be";
  return "";
}

std::string likely_charset(std::string_view sample) {
  if (is_utf8(sample)) return sample.find('\0') == std::string_view::npos ? "utf-8" : charset_of_zeros(sample);
  if (std::string wide = charset_of_zeros(sample); !wide.empty()) return wide;
  const std::string lines = lines_to_judge(sample);
  std::string best;
  double best_score = kLeastScore;
  std::optional<std::u32string> text;
  const char* charset = "";
  for (const Candidate& candidate : kCandidates) {
    if (std::string_view(charset) != candidate.charset) {
      charset = candidate.charset;
      const auto utf8 = decoded(find_charset(charset), lines, true);
      text = utf8 ? std::optional(code_points(*utf8)) : std::nullopt;
    }
    if (!text) continue;
    const double score = Scorer(candidate.letters).score(*text) - candidate.rarity;
    if (score <= best_score + 1e-9) continue;
    best_score = score;
    best = charset;
  }
  return best;
}

std::string charset_advice(std::string_view sample, const Charset& read_as) {
  const Utf8Share share = utf8_share(sample);
  if (share.sequences > share.wrong)
    return read_as.is_utf8() ? "the rest around it is UTF-8, so it is damage or pasted from elsewhere: mend it there"
                             : "it is likely UTF-8, which needs no --encoding";
  const std::string likely = likely_charset(sample);
  if (likely.empty() || likely == read_as.name)
    return "its encoding was not recognised: name it by --encoding NAME, or mend the file";
  return fmt::format("it is likely {}: --encoding {}", likely, likely);
}

}  // namespace tekio
