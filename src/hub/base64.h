// Bytes as text, as the Hub takes a file within a commit.
#pragma once

#include <string>
#include <string_view>

namespace tekio::hub {

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

}  // namespace tekio::hub
