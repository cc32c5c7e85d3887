// What the tokenizer has to know of a code point. The tables (unicode_tables.cc, generated) mix four versions of
// Unicode on purpose: the reference takes each property from another crate, and ids are equal only if every version is
// (categories 8.0; decompositions, combining classes and category M 9.0; \w, \p{L} and \p{N} 16.0; lower case and
// White_Space 17.0).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "text/utf8.h"

namespace tekio::unicode {

enum Flag : uint16_t {
  kWhiteSpace = 1 << 0,        ///< White_Space
  kControl = 1 << 1,           ///< Cc, Cf, Co but TAB, LF, CR; and U+0000, U+FFFD: what BERT's clean_text drops
  kPunctuation = 1 << 2,       ///< P*, and all 32 of ASCII's
  kNonspacingMark = 1 << 3,    ///< Mn
  kChinese = 1 << 4,           ///< BERT's list of CJK ideographs, upstream's typo included
  kDecomposes = 1 << 5,        ///< has a canonical decomposition (Hangul syllables too)
  kCombiningMark = 1 << 6,     ///< M*
  kWordCharacter = 1 << 7,     ///< \w
  kLowercaseExpands = 1 << 8,  ///< lower case has several characters
  kLetter = 1 << 9,            ///< \p{L}
  kNumber = 1 << 10,           ///< \p{N}
  kMayCompose = 1 << 11        ///< may be another character, or go into the one before it, in NFC
};

struct Record {
  int32_t lowercase_offset;  ///< added to a character, gives its lower case (the first character of it)
  uint16_t flags;
  uint8_t combining_class;
};

// Two stages: a page's block, then the record's number in the block. 128 and 64 code points a page.
extern const uint8_t kRecordBlocks[];
extern const uint8_t kRecordNumbers[];
extern const Record kRecords[];
extern const uint8_t kDecompositionBlocks[];
extern const uint16_t kDecompositionPositions[];
extern const char32_t kDecompositions[];       // count, characters; at position 0: none
extern const char32_t kLowercaseExpansions[];  // code point, count, characters

/// `c` < 0x110000.
inline const Record& record(char32_t c) {
  return kRecords[kRecordNumbers[(size_t{kRecordBlocks[c >> 7]} << 7) | (c & 127)]];
}
inline bool is(char32_t c, int flags) { return (record(c).flags & flags) != 0; }

/// The full canonical decomposition; empty if there is none. Not for Hangul syllables: those go by arithmetic.
inline std::span<const char32_t> decomposition(char32_t c) {
  const uint16_t position = kDecompositionPositions[(size_t{kDecompositionBlocks[c >> 6]} << 6) | (c & 63)];
  return {kDecompositions + position + 1, kDecompositions[position]};
}

/// The characters of a lower case that has several (U+0130 alone).
inline std::span<const char32_t> lowercase_expansion() { return {kLowercaseExpansions + 2, kLowercaseExpansions[1]}; }

/// Whether valid UTF-8 ends in a character with one of these flags.
inline bool ends_with(std::string_view text, int flags) {
  if (text.empty()) return false;
  const char* end = text.data() + text.size();
  return is(decode_utf8_before(end), flags);
}

}  // namespace tekio::unicode
