// Which encoding bytes that are not UTF-8 are likely in. A guess is made to be proposed, so it must not make rubbish:
// where nothing reads as text, nothing is guessed.
#pragma once

#include <string>
#include <string_view>

#include "data/charset.h"

namespace tekio {

bool is_ascii(std::string_view bytes);

/// "utf-16le" and the like where zeros lie as they do in such text; else empty.
std::string charset_of_zeros(std::string_view bytes);

/// The likely encoding of `sample` (a file's bytes from its start or a line's; 64 KiB of lines that are not ASCII are
/// looked at); empty if none reads as text. "utf-8" where that is what it is, ASCII included.
std::string likely_charset(std::string_view sample);

/// The rest of a sentence that says that `sample` is not `read_as`: the likely encoding with its option, or what else
/// to do.
std::string charset_advice(std::string_view sample, const Charset& read_as);

}  // namespace tekio
