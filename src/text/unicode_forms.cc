// A form is made in three passes: decompose, sort marks, compose. Each character that comes out carries the number that
// rewrite() takes its place from: the reference's way of counting.
#include "text/unicode_forms.h"

#include <algorithm>

#include "text/python_unicode.h"
#include "text/unicode.h"
#include "text/unicode_steps.h"
#include "text/utf8.h"

namespace tekio {
namespace {

// Unicode 3.12: (leading × 21 + vowel) × 28 + trailing; no trailing consonant is number 0.
constexpr char32_t kSyllables = 0xAC00, kLeading = 0x1100, kVowels = 0x1161, kTrailing = 0x11A7;
constexpr char32_t kSyllableCount = 11172, kLeadingCount = 19, kVowelCount = 21, kTrailingCount = 28;

// One character before its places are known.
struct Part {
  char32_t c;
  uint8_t combining_class;
  int32_t change;
};

// What version 14 knows beyond 9, of characters that 9 does not know at all.
const python::LaterDecomposition* later_decomposition(char32_t c, bool compatible) {
  const auto *begin = python::kLaterDecompositions, *end = begin + python::kLaterDecompositionsSize;
  const auto* found =
      std::lower_bound(begin, end, c, [](const python::LaterDecomposition& a, char32_t b) { return a.c < b; });
  return found != end && found->c == c && (compatible || !found->compatible) ? found : nullptr;
}

uint8_t later_class(char32_t c) {
  const auto *begin = python::kLaterClasses, *end = begin + python::kLaterClassesSize;
  const auto* found =
      std::lower_bound(begin, end, c, [](const python::LaterClass& a, char32_t b) { return a.last < b; });
  return found != end && found->first <= c ? found->combining_class : 0;
}

void append_later(char32_t c, bool compatible, std::vector<Part>& parts) {
  if (const auto* found = later_decomposition(c, compatible)) {
    parts.push_back({found->first, 0, 0});
    if (found->second != 0) parts.push_back({found->second, 0, 1});
    return;
  }
  parts.push_back({c, later_class(c), 0});
}

void append_decomposition(char32_t c, bool compatible, UnicodeVersion version, std::vector<Part>& parts) {
  if (c >= kSyllables && c < kSyllables + kSyllableCount) {
    const char32_t s = c - kSyllables;
    parts.push_back({kLeading + s / (kVowelCount * kTrailingCount), 0, 0});
    parts.push_back({kVowels + s % (kVowelCount * kTrailingCount) / kTrailingCount, 0, 1});
    if (s % kTrailingCount != 0) parts.push_back({kTrailing + s % kTrailingCount, 0, 1});
    return;
  }
  auto decomposed = unicode::decomposition(c);
  if (compatible)
    if (const auto other = unicode::compatible_decomposition(c); !other.empty()) decomposed = other;
  if (decomposed.empty()) {
    const uint8_t combining_class = unicode::record(c).combining_class;
    if (combining_class == 0 && version == UnicodeVersion::v14) return append_later(c, compatible, parts);
    parts.push_back({c, combining_class, 0});
    return;
  }
  for (size_t i = 0; i < decomposed.size(); ++i)
    parts.push_back({decomposed[i], unicode::record(decomposed[i]).combining_class, i > 0});
}

// Canonical order: between characters of class 0, sort by class, equal classes in the order in which they came.
void sort_marks(std::vector<Part>& parts) {
  for (size_t begin = 0; begin < parts.size();) {
    if (parts[begin].combining_class == 0) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < parts.size() && parts[end].combining_class != 0) ++end;
    std::stable_sort(parts.begin() + static_cast<ptrdiff_t>(begin), parts.begin() + static_cast<ptrdiff_t>(end),
                     [](const Part& a, const Part& b) { return a.combining_class < b.combining_class; });
    begin = end;
  }
}

char32_t composed_of(std::span<const unicode::Composition> all, char32_t first, char32_t second) {
  const auto found = std::lower_bound(all.begin(), all.end(), std::pair(first, second),
                                      [](const auto& a, auto pair) { return std::pair(a.first, a.second) < pair; });
  return found != all.end() && found->first == first && found->second == second ? found->composed : 0;
}

// 0: the two do not compose.
char32_t composed(char32_t first, char32_t second, UnicodeVersion version) {
  if (first - kLeading < kLeadingCount && second - kVowels < kVowelCount)
    return kSyllables + ((first - kLeading) * kVowelCount + (second - kVowels)) * kTrailingCount;
  if (first - kSyllables < kSyllableCount && (first - kSyllables) % kTrailingCount == 0 && second > kTrailing &&
      second < kTrailing + kTrailingCount)
    return first + (second - kTrailing);
  const char32_t known = unicode::is(second, unicode::kMayCompose)
                             ? composed_of({unicode::kCompositions, unicode::kCompositionCount}, first, second)
                             : 0;
  return known != 0 || version == UnicodeVersion::v9
             ? known
             : composed_of({python::kLaterCompositions, python::kLaterCompositionsSize}, first, second);
}

void compose(UnicodeVersion version, std::vector<Part>& parts) {
  size_t count = 0, starter = SIZE_MAX;
  int last_class = -1;  // of what stands between the starter and here; -1: nothing does
  for (const Part part : parts) {
    if (starter != SIZE_MAX && last_class < part.combining_class)
      if (const char32_t c = composed(parts[starter].c, part.c, version); c != 0) {
        parts[starter].c = c;
        parts[starter].change += part.change - 1;
        continue;
      }
    if (part.combining_class == 0) {
      starter = count;
      last_class = -1;
    } else if (starter != SIZE_MAX) {
      last_class = part.combining_class;
    }
    parts[count++] = part;
  }
  parts.resize(count);
}

// Whether a character may be another one in this form, or be moved or composed.
bool may_change(UnicodeForm form, char32_t c, UnicodeVersion version) {
  if (version == UnicodeVersion::v14) return c >= 0xA0;
  switch (form) {
    case UnicodeForm::nfd: {
      if (c < 0xC0) return false;
      const unicode::Record& record = unicode::record(c);
      return (record.flags & unicode::kDecomposes) != 0 || record.combining_class != 0;
    }
    case UnicodeForm::nfc:
      return c >= 0x300;
    case UnicodeForm::nfkd:
    case UnicodeForm::nfkc:
      return c >= 0xA0;
  }
  return true;
}

}  // namespace

void normalize(UnicodeForm form, AlignedText& text, UnicodeVersion version) {
  if (std::none_of(text.begin(), text.end(), [&](const AlignedChar& a) { return may_change(form, a.c, version); }))
    return;
  std::vector<Part> parts;
  parts.reserve(text.size() + text.size() / 2);
  const bool compatible = form == UnicodeForm::nfkc || form == UnicodeForm::nfkd;
  for (const AlignedChar& a : text) append_decomposition(a.c, compatible, version, parts);
  sort_marks(parts);
  if (form == UnicodeForm::nfc || form == UnicodeForm::nfkc) compose(version, parts);
  // Of characters that became one, the reference's fast tokenizers keep the first one's place.
  rewrite(parts, text, version == UnicodeVersion::v14);
}

bool is_composed(std::string_view text) {
  constexpr unsigned char kFirstLead = 0xCC;  // of U+0300: nothing below it changes
  const char *at = text.data(), *const end = at + text.size();
  int last_class = 0;
  while (at < end) {
    if (static_cast<unsigned char>(*at) < kFirstLead) {
      // Sixteen bytes at a time: nearly all of a text in Latin letters.
      for (; end - at >= 16; at += 16) {
        unsigned char largest = 0;
        for (int i = 0; i < 16; ++i) largest = std::max(largest, static_cast<unsigned char>(at[i]));
        if (largest >= kFirstLead) break;
      }
      while (at < end && static_cast<unsigned char>(*at) < kFirstLead) ++at;
      last_class = 0;
      continue;
    }
    const unicode::Record& record = unicode::record(decode_utf8(at));
    if ((record.flags & unicode::kMayCompose) != 0) return false;
    if (record.combining_class != 0 && record.combining_class < last_class) return false;
    last_class = record.combining_class;
  }
  return true;
}

}  // namespace tekio
