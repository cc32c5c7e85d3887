// The four normal forms of Unicode, with characters' places kept.
#pragma once

#include "text/normalizer.h"

namespace tekio {

/// Of Unicode: what the reference's fast tokenizers have, and what Python has (python_unicode.h).
enum class UnicodeVersion { v9, v14 };

/// Rewrites `text` in a normal form. Leaves it alone where it has nothing to do.
void normalize(UnicodeForm form, AlignedText& text, UnicodeVersion version = UnicodeVersion::v9);

/// Whether it is certain, without looking further, that valid UTF-8 is in NFC.
bool is_composed(std::string_view text);

}  // namespace tekio
