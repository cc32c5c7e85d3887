// What single steps of a pipeline have to know of a code point, and BERT's own pipeline never asks: scripts, numbers,
// compatibility decompositions, compositions, grapheme clusters. The tables (unicode_step_tables.cc, generated) are of
// the versions of Unicode that the reference has for each (see unicode.h): scripts and decompositions 9.0, numbers and
// grapheme clusters 17.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tekio::unicode {

/// What a character is to grapheme clusters (Unicode's annex 29): Grapheme_Cluster_Break, with what its rules say of
/// emoji (pictographic) and Indic conjuncts (consonant, linker) set apart. U+200C extends, but not within conjuncts.
enum class GraphemeKind : uint8_t {
  other,
  pictographic,
  consonant,
  cr,
  lf,
  control,
  extend,
  joiner,
  regional_indicator,
  prepend,
  spacing_mark,
  l,
  v,
  t,
  lv,
  lvt,
  linker,
  non_joiner
};

struct StepRecord {
  uint8_t script;  ///< a number; 0 belongs to any: the space, and what is not assigned. Japanese and Han are one.
  bool numeric;    ///< Nd, Nl, No
};

struct Composition {
  char32_t first, second, composed;
};

/// From the first to the last.
struct CodePoints {
  char32_t first, last;
};

// Two stages, as in unicode.h.
extern const uint8_t kStepRecordBlocks[];
extern const uint8_t kStepRecordNumbers[];
extern const StepRecord kStepRecords[];
extern const uint8_t kGraphemeBlocks[];
extern const uint8_t kGraphemeKinds[];
extern const uint8_t kCompatibleBlocks[];
extern const uint16_t kCompatiblePositions[];
extern const char32_t kCompatible[];       // count, characters; at position 0: none
extern const Composition kCompositions[];  // ascending; without Hangul, which goes by arithmetic
extern const size_t kCompositionCount;
// \p{L} and \p{N} that regular expressions of the reference know (Unicode 16.0) and older libraries (14.0) do not.
extern const CodePoints kLaterLetters[];
extern const size_t kLaterLetterCount;
extern const CodePoints kLaterNumbers[];
extern const size_t kLaterNumberCount;

/// `c` < 0x110000.
inline const StepRecord& step_record(char32_t c) {
  return kStepRecords[kStepRecordNumbers[(size_t{kStepRecordBlocks[c >> 7]} << 7) | (c & 127)]];
}

/// `c` < 0x110000.
inline GraphemeKind grapheme_kind(char32_t c) {
  return static_cast<GraphemeKind>(kGraphemeKinds[(size_t{kGraphemeBlocks[c >> 7]} << 7) | (c & 127)]);
}

/// The full compatibility decomposition; empty where it is the canonical one.
inline std::span<const char32_t> compatible_decomposition(char32_t c) {
  const uint16_t position = kCompatiblePositions[(size_t{kCompatibleBlocks[c >> 6]} << 6) | (c & 63)];
  return {kCompatible + position + 1, kCompatible[position]};
}

}  // namespace tekio::unicode
