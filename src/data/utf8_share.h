// How much of some bytes is UTF-8.
#pragma once

#include <cstdint>
#include <string_view>

namespace tekio {

/// Sequences of several bytes that are UTF-8, and bytes that are not.
struct Utf8Share {
  int64_t sequences = 0, wrong = 0;
};
Utf8Share utf8_share(std::string_view bytes);

}  // namespace tekio
