// Text of pages: what comes from outside is only ever put in through escaped().
#pragma once

#include <string>
#include <string_view>

namespace tekio::report {

/// Text that means itself between tags and within quoted attributes; control characters are shown by their pictures.
std::string escaped(std::string_view text);

/// 0.000123 as "1.23e-4", 12345.6 as "12,346", 3.14159 as "3.14": `digits` significant ones; "–" where it is no number.
std::string figure(double value, int digits = 3);
/// 0.5556 as "55.6 %".
std::string percent(double share);
/// 84.99 s as "1:25", 0.8 s as "0.80 s".
std::string duration(double seconds);

}  // namespace tekio::report
