// Each step rewrites the text in one pass and leaves it alone where it has nothing to do (the common case: ASCII).
#include "text/normalizer.h"

#include <algorithm>

#include "text/unicode.h"
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

// One character of a decomposition before its places are known.
struct Part {
  char32_t c;
  uint8_t combining_class;
  bool inserted;  // not the first of its character's decomposition
};

void append_decomposition(char32_t c, std::vector<Part>& parts) {
  constexpr char32_t kSyllables = 0xAC00, kLeading = 0x1100, kVowels = 0x1161, kTrailing = 0x11A7;
  if (c >= kSyllables && c < kSyllables + 11172) {  // Unicode 3.12: (leading × 21 + vowel) × 28 + trailing
    const char32_t s = c - kSyllables;
    parts.push_back({kLeading + s / 588, 0, false});
    parts.push_back({kVowels + s % 588 / 28, 0, true});
    if (s % 28 != 0) parts.push_back({kTrailing + s % 28, 0, true});
    return;
  }
  const auto decomposed = unicode::decomposition(c);
  if (decomposed.empty()) {
    parts.push_back({c, unicode::record(c).combining_class, false});
    return;
  }
  for (size_t i = 0; i < decomposed.size(); ++i)
    parts.push_back({decomposed[i], unicode::record(decomposed[i]).combining_class, i > 0});
}

void decompose(AlignedText& text) {
  const auto affected = [](const AlignedChar& a) {
    if (a.c < 0xC0) return false;
    const unicode::Record& record = unicode::record(a.c);
    return (record.flags & unicode::kDecomposes) != 0 || record.combining_class != 0;
  };
  if (std::none_of(text.begin(), text.end(), affected)) return;
  std::vector<Part> parts;
  parts.reserve(text.size() + text.size() / 2);
  for (const AlignedChar& a : text) append_decomposition(a.c, parts);
  // Canonical order: between characters of class 0, sort by class, equal classes in the order in which they came.
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
  AlignedText decomposed;
  decomposed.reserve(parts.size());
  size_t consumed = 0;  // a first part consumes the next original character, whichever it came from
  for (const Part& part : parts) {
    if (!part.inserted) ++consumed;
    const AlignedChar& place = text[consumed - 1];
    decomposed.push_back({part.c, place.begin, place.end});
  }
  text.swap(decomposed);
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

void run(const BertNormalization& step, AlignedText& text) {
  if (step.clean_text) clean(text);
  if (step.handle_chinese_chars) space_chinese(text);
  if (step.strip_accents.value_or(step.lowercase)) {
    decompose(text);
    drop(text, [](char32_t c) { return is(c, unicode::kNonspacingMark); });
  }
  if (step.lowercase) lowercase(text);
}
void run(const NfdNormalization&, AlignedText& text) { decompose(text); }
void run(const LowercaseNormalization&, AlignedText& text) { lowercase(text); }
void run(const StripAccentsNormalization&, AlignedText& text) {
  drop(text, [](char32_t c) { return is(c, unicode::kCombiningMark); });
}

}  // namespace

void append_aligned(std::string_view text, int32_t first, AlignedText& out) {
  out.reserve(out.size() + text.size());
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end; ++first) out.push_back({decode_utf8(at), first, first + 1});
}

void Normalizer::apply(AlignedText& text) const {
  for (const NormalizationStep& step : steps_) std::visit([&](const auto& kind) { run(kind, text); }, step);
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
  apply(characters);
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
