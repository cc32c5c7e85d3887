// Which encoding bytes that are not UTF-8 are likely in. A guess is made to be proposed, so it must not make rubbish:
// where nothing reads as text, nothing is guessed.
#pragma once

#include <string>
#include <string_view>

#include "data/charset.h"

namespace tekio {

bool is_ascii(std::string_view bytes);

/// "utf-16le" and the like where zeros lie as they do in such text, which `bytes` must begin with; else empty, as where
/// they stand in text of another encoding.
std::string charset_of_zeros(std::string_view bytes);

/// "iso-2022-jp" or "iso-2022-kr" where an escape sequence stands that shifts to their characters, which are ASCII
/// bytes, too; else empty.
std::string charset_of_escapes(std::string_view bytes);

struct LikelyCharset {
  std::string name;   ///< empty: nothing reads as text
  std::string other;  ///< reads otherwise, and as text nearly as well; mostly empty
};

/// The likely encoding of `sample` (a file's bytes from its start or a line's; 64 KiB of lines that are not ASCII are
/// looked at). "utf-8" where that is what it is, ASCII included.
LikelyCharset likely_charsets(std::string_view sample);
/// Its name alone.
std::string likely_charset(std::string_view sample);

/// Whether more is UTF-8 in `sample`, of what is not ASCII, than is not.
bool is_mostly_utf8(std::string_view sample);

/// The rest of a sentence that says that `sample` is not `read_as`: the likely encoding with its option, or what else
/// to do.
std::string charset_advice(std::string_view sample, const Charset& read_as);

}  // namespace tekio
