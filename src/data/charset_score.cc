#include "data/charset_score.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <unordered_map>

namespace tekio {
namespace {

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

enum class Sound : uint8_t { none, vowel, consonant };

/// Of Greek and Cyrillic letters.
Sound sound_of(char32_t c) {
  c = lowered(c);
  const Script script = script_of(c);
  if (script != Script::greek && script != Script::cyrillic) return Sound::none;
  if (std::u32string_view(U"аеиоуыэюяёіїєαεηιουωάέήίόύώϊϋΐΰ").find(c) != std::u32string_view::npos) return Sound::vowel;
  return std::u32string_view(U"йьъ").find(c) != std::u32string_view::npos ? Sound::none : Sound::consonant;
}

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
    return score - of_place(c, before, after) - of_run(c, before, after);
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
    if (begins && std::u32string_view(U"ыьъ").find(lowered(c)) != std::u32string_view::npos) return 1.5;
    return 0;
  }

  /// What a letter takes away between others of its kind: vowels and consonants take turns, in Greek and Cyrillic above
  /// all, but not in what is neither.
  static double of_run(char32_t c, char32_t before, char32_t after) {
    const Sound sound = sound_of(c);
    if (sound == Sound::none || sound_of(before) != sound || sound_of(after) != sound) return 0;
    return sound == Sound::vowel ? 0.8 : 0.5;
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

}  // namespace

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

double charset_score(const std::u32string& text, const char* letters, double more_doubt) {
  return Scorer(letters).score(text, more_doubt);
}

}  // namespace tekio
