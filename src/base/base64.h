// Bytes as text, as the Hub takes a file within a commit, and as tokenizer.json holds tables of bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tekio {

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

/// The bytes again; absent where the text is not what base64() makes of any.
std::optional<std::string> bytes_of_base64(std::string_view text);

}  // namespace tekio
