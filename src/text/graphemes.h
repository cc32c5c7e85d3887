// Grapheme clusters: what a reader takes for one character ("e" with its accents, an emoji that several make).
#pragma once

#include <cstddef>
#include <span>

#include "text/normalizer.h"

namespace tekio {

/// The end of the extended grapheme cluster (Unicode's annex 29) that begins at character `begin` of `text`.
/// `begin` < text.size().
size_t grapheme_end(std::span<const AlignedChar> text, size_t begin);

}  // namespace tekio
