// How much a text looks like one of a language: by what letters the language writes often, and by what text never is:
// letters of two scripts in a word, a capital behind a small letter, a symbol between letters, runs of consonants.
#pragma once

#include <string>
#include <string_view>

namespace tekio {

/// Of UTF-8; none where it is malformed.
std::u32string code_points(std::string_view text);

/// The mean over the characters of `text` that are not ASCII, so that candidates of one byte a character and of two
/// compare; less where they are few. Of another script than Latin, one at least must be a frequent one. `letters`,
/// `more_doubt`: see CharsetCandidate.
double charset_score(const std::u32string& text, const char* letters, double more_doubt);

}  // namespace tekio
