// Normalizers: clean-up, accents, lower case, with every character's place in the original text kept. Text is held as
// characters, each with the range of original characters that it stands for. The surprising fact: a character that a
// step inserts takes the place of the character that the step consumed last, not of the one that it came from (they
// differ where combining marks are sorted), because that is how the reference counts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/charsmap.h"
#include "text/pattern.h"

namespace tekio {

struct AlignedChar {
  char32_t c;
  int32_t begin, end;  // in characters of the original text
};
using AlignedText = std::vector<AlignedChar>;

/// Appends the characters of valid UTF-8, the first of which is number `first` of the original text.
void append_aligned(std::string_view text, int32_t first, AlignedText& out);

/// A text's UTF-8, for what looks at bytes.
struct SpeltText {
  std::string bytes;
  std::vector<size_t> character_at;  // number of the character that each byte belongs to; of the end, too

  void spell(std::span<const AlignedChar> text);
};

/// Makes of `text` what these parts say, each a character `c` and a number `change` of characters that it stands for
/// beyond its own: 1, none, since it was inserted; 0, one; -1, two, since one behind it was taken out; and so on. A
/// part takes the place of the next character of `text`, whichever it came from; if `widens`, up to the
/// last that it stands for.
template <typename Part>
void rewrite(const std::vector<Part>& parts, AlignedText& text, bool widens = false) {
  AlignedText result;
  result.reserve(parts.size());
  size_t consumed = 0;
  for (const Part& part : parts) {
    const AlignedChar& place = text[part.change > 0 ? consumed - 1 : consumed];
    const size_t joined = widens && part.change < 0 ? static_cast<size_t>(-part.change) : 0;
    result.push_back({part.c, place.begin, joined > 0 ? text[consumed + joined].end : place.end});
    if (part.change <= 0) consumed += static_cast<size_t>(1 - part.change);
  }
  text.swap(result);
}

/// The steps of BERT's normalizer, in their order.
struct BertNormalization {
  bool clean_text = true;             // drop control characters; white space becomes a plain space
  bool handle_chinese_chars = true;   // spaces around CJK ideographs
  std::optional<bool> strip_accents;  // NFD without Mn; absent: as `lowercase`
  bool lowercase = true;
};
enum class UnicodeForm { nfd, nfc, nfkd, nfkc };
struct UnicodeNormalization {
  UnicodeForm form;
};
struct LowercaseNormalization {};
struct StripAccentsNormalization {};  // drops category M
struct StripNormalization {           // white space at the ends
  bool left = true, right = true;
};
struct ReplaceNormalization {
  Pattern pattern;
  std::string content;
};
struct PrependNormalization {  // in front of what is not empty
  std::string text;
};
struct CharsmapNormalization {  // grapheme clusters of up to 5 bytes at once, longer ones by character
  std::shared_ptr<const Charsmap> map;
};
using NormalizationStep =
    std::variant<BertNormalization, UnicodeNormalization, LowercaseNormalization, StripAccentsNormalization,
                 StripNormalization, ReplaceNormalization, PrependNormalization, CharsmapNormalization>;

/// A sequence of steps; none leaves text as it is.
class Normalizer {
 public:
  Normalizer() = default;
  explicit Normalizer(std::vector<NormalizationStep> steps) : steps_(std::move(steps)) {}

  /// `first`: where the text begins in the original text. Errors: input (see Pattern::find).
  void apply(AlignedText& text, int32_t first) const;
  /// A string's normal form, UTF-8 to UTF-8.
  std::string apply(std::string_view text) const;

  /// Whether it is certain, at a glance, that valid UTF-8 is its own normal form.
  bool keeps(std::string_view text) const;

  /// Whether ASCII capitals become small letters.
  bool lowercases() const;
  /// Whether every step treats what stands between ASCII white space and ASCII punctuation without looking beyond it:
  /// they are starters, so marks are not sorted over them, but they do compose ("=" with U+0338).
  bool is_local() const;

  const std::vector<NormalizationStep>& steps() const { return steps_; }

 private:
  std::vector<NormalizationStep> steps_;
};

/// ASCII letters and digits alone are one word, whose normal form differs in case at most: puts it into `plain`. False
/// where there is anything else in `region`.
bool make_plain(std::string_view region, bool lowercases, std::string& plain);

}  // namespace tekio
