// Each step rewrites the text in one pass and leaves it alone where it has nothing to do (the common case: ASCII).
#include "text/normalizer.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "text/graphemes.h"
#include "text/unicode.h"
#include "text/unicode_forms.h"
#include "text/utf8.h"

namespace tekio {
namespace {

using unicode::is;

template <typename Drop>
void drop(AlignedText& text, Drop&& unwanted) {
  text.erase(std::remove_if(text.begin(), text.end(), [&](const AlignedChar& a) { return unwanted(a.c); }), text.end());
}

void clean(AlignedText& text) {
  drop(text, [](char32_t c) { return is(c, unicode::kControl); });
  for (AlignedChar& a : text)
    if (is(a.c, unicode::kWhiteSpace)) a.c = ' ';
}

void space_chinese(AlignedText& text) {
  const auto chinese = [](const AlignedChar& a) { return a.c >= 0x3400 && is(a.c, unicode::kChinese); };
  const auto first = std::find_if(text.begin(), text.end(), chinese);
  if (first == text.end()) return;
  AlignedText spaced(text.begin(), first);
  spaced.reserve(3 * text.size());
  for (auto it = first; it != text.end(); ++it) {
    if (!chinese(*it)) {
      spaced.push_back(*it);
      continue;
    }
    const AlignedChar space{U' ', it->begin, it->end};
    spaced.insert(spaced.end(), {space, *it, space});
  }
  text.swap(spaced);
}

char32_t lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
  return c + static_cast<char32_t>(unicode::record(c).lowercase_offset);
}

void lowercase(AlignedText& text) {
  bool expands = false;
  for (AlignedChar& a : text) {
    if (a.c >= 0x80 && is(a.c, unicode::kLowercaseExpands))
      expands = true;
    else
      a.c = lower(a.c);
  }
  if (!expands) return;
  AlignedText expanded;
  expanded.reserve(2 * text.size());
  for (const AlignedChar& a : text) {
    if (is(a.c, unicode::kLowercaseExpands))
      for (const char32_t c : unicode::lowercase_expansion()) expanded.push_back({c, a.begin, a.end});
    else
      expanded.push_back(a);
  }
  text.swap(expanded);
}

void strip(const StripNormalization& step, AlignedText& text) {
  const auto space = [](const AlignedChar& a) { return is(a.c, unicode::kWhiteSpace); };
  if (step.right) text.erase(std::find_if_not(text.rbegin(), text.rend(), space).base(), text.end());
  if (step.left) text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), space));
}

// Where a text begins in the original text, and how many characters the steps may make of it: steps that each
// multiply a text must not fill the memory.
struct Bounds {
  int32_t first;
  size_t characters;
};
constexpr size_t kGrowth = 64, kAlways = 65536;

void check_growth(size_t characters, const Bounds& bounds, const char* step) {
  if (characters > bounds.characters)
    fail(ErrorKind::input, "the step {} of the tokenizer's normalizer makes more than {} characters of a text of {}",
         step, with_commas(static_cast<int64_t>(bounds.characters)),
         with_commas(static_cast<int64_t>((bounds.characters - kAlways) / kGrowth)));
}

// What is put in place of a match stands where its last character stood; of an empty one, the character before it.
void replace(const ReplaceNormalization& step, AlignedText& text, const Bounds& bounds) {
  SpeltText spelt;
  spelt.spell(text);
  std::vector<Pattern::Match> matches;
  // In an empty text the reference looks for nothing.
  if (!text.empty()) step.pattern.find(spelt.bytes, matches);
  if (matches.empty()) return;
  AlignedText content, replaced;
  append_aligned(step.content, 0, content);
  check_growth(text.size() + matches.size() * content.size(), bounds, "Replace");
  size_t done = 0;
  for (const Pattern::Match& match : matches) {
    const size_t begin = spelt.character_at[match.begin], end = spelt.character_at[match.end];
    replaced.insert(replaced.end(), text.begin() + static_cast<ptrdiff_t>(done),
                    text.begin() + static_cast<ptrdiff_t>(begin));
    const AlignedChar place = end > 0 ? text[end - 1] : AlignedChar{0, bounds.first, bounds.first};
    for (const AlignedChar& a : content) replaced.push_back({a.c, place.begin, place.end});
    done = end;
  }
  replaced.insert(replaced.end(), text.begin() + static_cast<ptrdiff_t>(done), text.end());
  text.swap(replaced);
}

void prepend(const PrependNormalization& step, AlignedText& text, const Bounds& bounds) {
  if (text.empty()) return;
  check_growth(text.size() + step.text.size(), bounds, "Prepend");
  AlignedText longer;
  append_aligned(step.text, 0, longer);
  for (AlignedChar& a : longer) a.begin = text[0].begin, a.end = text[0].end;
  longer.insert(longer.end(), text.begin(), text.end());
  text.swap(longer);
}

struct CharsmapPart {
  char32_t c;
  int32_t change;
};

// What takes the place of `characters` characters. As the reference counts: what is taken out goes with the last
// character before it; at the beginning there is none, and what follows moves to places before its own.
void append_replacement(std::string_view content, int32_t characters, std::vector<CharsmapPart>& parts) {
  int32_t surplus = -characters;
  for (const char* at = content.data(); at < content.data() + content.size();)
    parts.push_back({decode_utf8(at), ++surplus > 0 ? 1 : 0});
  if (surplus < 0 && !parts.empty()) parts.back().change += surplus;
}

void replace_clusters(const CharsmapNormalization& step, AlignedText& text, const Bounds& bounds) {
  constexpr size_t kWhole = 5;  // bytes of the longest cluster that is looked up whole
  std::vector<CharsmapPart> parts;
  parts.reserve(text.size());
  bool changed = false;
  std::string spelt;
  const auto replaced = [&](size_t begin, size_t end) {
    const auto content = step.map->find(spelt);
    if (!content) return false;
    append_replacement(*content, static_cast<int32_t>(end - begin), parts);
    check_growth(parts.size(), bounds, "Precompiled");
    return changed = true;
  };
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    end = grapheme_end(text, begin);
    spelt.clear();
    for (size_t i = begin; i < end && spelt.size() <= kWhole; ++i) append_utf8(spelt, text[i].c);
    if (spelt.size() <= kWhole && replaced(begin, end)) continue;
    const bool looked_up = end - begin == 1;
    for (size_t i = begin; i < end; ++i) {
      spelt.clear();
      append_utf8(spelt, text[i].c);
      if (looked_up || !replaced(i, i + 1)) parts.push_back({text[i].c, 0});
    }
  }
  if (changed) rewrite(parts, text);
}

void run(const BertNormalization& step, AlignedText& text, const Bounds&) {
  if (step.clean_text) clean(text);
  if (step.handle_chinese_chars) space_chinese(text);
  if (step.strip_accents.value_or(step.lowercase)) {
    normalize(UnicodeForm::nfd, text);
    drop(text, [](char32_t c) { return is(c, unicode::kNonspacingMark); });
  }
  if (step.lowercase) lowercase(text);
}
void run(const UnicodeNormalization& step, AlignedText& text, const Bounds&) { normalize(step.form, text); }
void run(const LowercaseNormalization&, AlignedText& text, const Bounds&) { lowercase(text); }
void run(const StripAccentsNormalization&, AlignedText& text, const Bounds&) {
  drop(text, [](char32_t c) { return is(c, unicode::kCombiningMark); });
}
void run(const StripNormalization& step, AlignedText& text, const Bounds&) { strip(step, text); }
void run(const ReplaceNormalization& step, AlignedText& text, const Bounds& bounds) { replace(step, text, bounds); }
void run(const PrependNormalization& step, AlignedText& text, const Bounds& bounds) { prepend(step, text, bounds); }
void run(const CharsmapNormalization& step, AlignedText& text, const Bounds& bounds) {
  replace_clusters(step, text, bounds);
}

void run(const NormalizationStep& step, AlignedText& text, const Bounds& bounds) {
  std::visit([&](const auto& kind) { run(kind, text, bounds); }, step);
}

// Steps that the reference lets write the whole text anew, where they may make it shorter.
bool rewrites(const NormalizationStep& step) {
  return std::holds_alternative<UnicodeNormalization>(step) ||
         std::holds_alternative<StripAccentsNormalization>(step) || std::holds_alternative<StripNormalization>(step) ||
         std::holds_alternative<CharsmapNormalization>(step);
}

// Of a text that begins with characters that stand for none of the original text, as a Replace of the empty match at
// the beginning leaves it. The reference then writes the new text behind these, which are in it as well, and each of
// its characters takes the place of one so many farther on. Where there is no such place it panics; here the new text
// takes the old one's place as everywhere else.
void run_behind_inserted(const NormalizationStep& step, AlignedText& text, const Bounds& bounds) {
  const auto inserted =
      std::find_if(text.begin(), text.end(), [](const AlignedChar& a) { return a.begin != a.end; }) - text.begin();
  AlignedText numbered = text;
  for (size_t i = 0; i < numbered.size(); ++i) {
    numbered[i].begin = static_cast<int32_t>(i);
    numbered[i].end = static_cast<int32_t>(i + 1);
  }
  run(step, numbered, bounds);
  const bool same = std::equal(text.begin(), text.end(), numbered.begin(), numbered.end(),
                               [](const AlignedChar& a, const AlignedChar& b) { return a.c == b.c; });
  if (same) return;
  const bool fits = numbered.empty() || numbered.back().begin + inserted < static_cast<int64_t>(text.size());
  check_growth(static_cast<size_t>(inserted) + numbered.size(), bounds, "Replace");
  AlignedText result(text.begin(), fits ? text.begin() + inserted : text.begin());
  for (const AlignedChar& a : numbered) {
    const AlignedChar& place = text[static_cast<size_t>(a.begin + (fits ? inserted : 0))];
    result.push_back({a.c, place.begin, place.end});
  }
  text.swap(result);
}

}  // namespace

void append_aligned(std::string_view text, int32_t first, AlignedText& out) {
  out.reserve(out.size() + text.size());
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end; ++first) out.push_back({decode_utf8(at), first, first + 1});
}

void SpeltText::spell(std::span<const AlignedChar> text) {
  bytes.clear();
  character_at.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    append_utf8(bytes, text[i].c);
    character_at.resize(bytes.size(), i);
  }
  character_at.push_back(text.size());
}

void Normalizer::apply(AlignedText& text, int32_t first) const {
  const Bounds bounds{first, kGrowth * text.size() + kAlways};
  for (const NormalizationStep& step : steps_)
    if (!text.empty() && text[0].begin == text[0].end && rewrites(step))
      run_behind_inserted(step, text, bounds);
    else
      run(step, text, bounds);
}

bool Normalizer::keeps(std::string_view text) const {
  return std::all_of(steps_.begin(), steps_.end(), [&](const NormalizationStep& step) {
    const auto* form = std::get_if<UnicodeNormalization>(&step);
    return form != nullptr && form->form == UnicodeForm::nfc && is_composed(text);
  });
}

bool Normalizer::is_local() const {
  return std::all_of(steps_.begin(), steps_.end(), [](const NormalizationStep& step) {
    const auto* form = std::get_if<UnicodeNormalization>(&step);
    return std::holds_alternative<BertNormalization>(step) || std::holds_alternative<LowercaseNormalization>(step) ||
           std::holds_alternative<StripAccentsNormalization>(step) ||
           (form != nullptr && form->form == UnicodeForm::nfd);
  });
}

bool Normalizer::lowercases() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const NormalizationStep& step) {
    const auto* bert = std::get_if<BertNormalization>(&step);
    return std::holds_alternative<LowercaseNormalization>(step) || (bert != nullptr && bert->lowercase);
  });
}

std::string Normalizer::apply(std::string_view text) const {
  AlignedText characters;
  append_aligned(text, 0, characters);
  apply(characters, 0);
  std::string result;
  for (const AlignedChar& a : characters) append_utf8(result, a.c);
  return result;
}

bool make_plain(std::string_view region, bool lowercases, std::string& plain) {
  plain.resize(region.size());
  for (size_t i = 0; i < region.size(); ++i) {
    const char c = region[i], lower = static_cast<char>(c | 0x20);
    const bool letter = lower >= 'a' && lower <= 'z';
    if (!letter && (c < '0' || c > '9')) return false;
    plain[i] = letter && lowercases ? lower : c;
  }
  return true;
}

}  // namespace tekio
