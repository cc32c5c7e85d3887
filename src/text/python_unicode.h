// Characters as Python's str and unicodedata know them, by which the slow tokenizers of Hugging Face transformers go:
// Unicode 14.0, the version of Python 3.11 (the fast ones' tables, unicode.h, are older; later Pythons know characters
// that were added since).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "text/normalizer.h"
#include "text/unicode_steps.h"

namespace tekio::python {

enum Flag : uint8_t {
  kControl = 1 << 0,         ///< category C*, so also what is not assigned
  kPunctuation = 1 << 1,     ///< category P*
  kNonspacingMark = 1 << 2,  ///< category Mn
  kCaseIgnorable = 1 << 3,   ///< passed over by what looks for the end of a word
  kCased = 1 << 4            ///< and not ignorable
};

struct Flagged {
  char32_t first, last;
  uint8_t flags;
};
// What unicode.h and unicode_steps.h, of 9.0, do not know yet.
struct LaterClass {
  char32_t first, last;
  uint8_t combining_class;
};
struct LaterDecomposition {
  char32_t c;
  bool compatible;
  char32_t first, second;  ///< all that it decomposes to; the second is 0 where there is one
};
// All of them ascending. Generated: python_unicode_tables.cc.
extern const Flagged kFlagged[];
extern const size_t kFlaggedSize;
extern const LaterClass kLaterClasses[];
extern const size_t kLaterClassesSize;
extern const LaterDecomposition kLaterDecompositions[];
extern const size_t kLaterDecompositionsSize;
extern const unicode::Composition kLaterCompositions[];
extern const size_t kLaterCompositionsSize;

/// Whether a character has one of these flags.
bool is(char32_t c, int flags);
/// str.isspace(), by which split() and strip() go: White_Space, and the four separators among the controls.
bool is_space(char32_t c);

/// unicodedata.normalize() with "NFC", "NFD" or "NFKC"; places are kept as normalize() keeps them.
void normalize(UnicodeForm form, AlignedText& text);
/// Appends str.lower() of a string: a capital sigma at a word's end becomes a final one.
void append_lowercase(std::span<const AlignedChar> text, AlignedText& out);

}  // namespace tekio::python
