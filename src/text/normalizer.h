// Normalizers: clean-up, accents, lower case, with every character's place in the original text kept. Text is held as
// characters, each with the range of original characters that it stands for. The surprising fact: a character that a
// step inserts takes the place of the character that the step consumed last, not of the one that it came from (they
// differ where combining marks are sorted), because that is how the reference counts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tekio {

struct AlignedChar {
  char32_t c;
  int32_t begin, end;  // in characters of the original text
};
using AlignedText = std::vector<AlignedChar>;

/// Appends the characters of valid UTF-8, the first of which is number `first` of the original text.
void append_aligned(std::string_view text, int32_t first, AlignedText& out);

/// The steps of BERT's normalizer, in their order.
struct BertNormalization {
  bool clean_text = true;             // drop control characters; white space becomes a plain space
  bool handle_chinese_chars = true;   // spaces around CJK ideographs
  std::optional<bool> strip_accents;  // NFD without Mn; absent: as `lowercase`
  bool lowercase = true;
};
struct NfdNormalization {};
struct LowercaseNormalization {};
struct StripAccentsNormalization {};  // drops category M
using NormalizationStep =
    std::variant<BertNormalization, NfdNormalization, LowercaseNormalization, StripAccentsNormalization>;

/// A sequence of steps; none leaves text as it is. Every step treats what stands between ASCII white space and ASCII
/// punctuation without looking beyond it (they are starters, and nothing here composes): TextEncoder relies on that.
class Normalizer {
 public:
  Normalizer() = default;
  explicit Normalizer(std::vector<NormalizationStep> steps) : steps_(std::move(steps)) {}

  void apply(AlignedText& text) const;
  /// A string's normal form, UTF-8 to UTF-8.
  std::string apply(std::string_view text) const;

  /// Whether ASCII capitals become small letters.
  bool lowercases() const;

  const std::vector<NormalizationStep>& steps() const { return steps_; }

 private:
  std::vector<NormalizationStep> steps_;
};

/// ASCII letters and digits alone are one word, whose normal form differs in case at most: puts it into `plain`. False
/// where there is anything else in `region`.
bool make_plain(std::string_view region, bool lowercases, std::string& plain);

}  // namespace tekio
