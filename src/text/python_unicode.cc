#include "text/python_unicode.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/unicode_forms.h"

namespace tekio::python {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;

uint8_t flags_of(char32_t c) {
  const Flagged* end = kFlagged + kFlaggedSize;
  const Flagged* found = std::lower_bound(kFlagged, end, c, [](const Flagged& a, char32_t b) { return a.last < b; });
  return found != end && found->first <= c ? found->flags : 0;
}

// Most of Japanese: what no composing form changes, or joins to a neighbour that is one of these.
bool is_kept(char32_t c) {
  return c < 0xA0 || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3041 && c <= 0x3096) || (c >= 0x30A1 && c <= 0x30FE) ||
         (c >= 0x3001 && c <= 0x3029);
}

bool is_final_sigma(std::span<const AlignedChar> text, size_t at) {
  const auto ignorable = [](const AlignedChar& a) { return is(a.c, kCaseIgnorable); };
  const auto before = std::find_if_not(text.rend() - static_cast<ptrdiff_t>(at), text.rend(), ignorable);
  if (before == text.rend() || !is(before->c, kCased)) return false;
  const auto after = std::find_if_not(text.begin() + static_cast<ptrdiff_t>(at) + 1, text.end(), ignorable);
  return after == text.end() || !is(after->c, kCased);
}

}  // namespace

bool is(char32_t c, int flags) { return (flags_of(c) & flags) != 0; }

bool is_space(char32_t c) { return (c >= 0x1C && c <= 0x1F) || unicode::is(c, unicode::kWhiteSpace); }

void normalize(UnicodeForm form, AlignedText& text) {
  if (form != UnicodeForm::nfc && form != UnicodeForm::nfkc) return tekio::normalize(form, text, UnicodeVersion::v14);
  if (!std::all_of(text.begin(), text.end(), [](const AlignedChar& a) { return is_kept(a.c); }))
    tekio::normalize(form, text, UnicodeVersion::v14);
}

void append_lowercase(std::span<const AlignedChar> text, AlignedText& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    AlignedChar a = text[i];
    if (a.c == kCapitalSigma) {
      a.c = is_final_sigma(text, i) ? kFinalSigma : kSmallSigma;
    } else if (unicode::is(a.c, unicode::kLowercaseExpands)) {
      for (const char32_t c : unicode::lowercase_expansion()) out.push_back({c, a.begin, a.end});
      continue;
    } else if (!is(a.c, kControl)) {  // what Python does not know yet it leaves alone
      a.c += static_cast<char32_t>(unicode::record(a.c).lowercase_offset);
    }
    out.push_back(a);
  }
}

}  // namespace tekio::python
