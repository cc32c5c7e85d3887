#include "http_module/target.h"

#include <algorithm>
#include <cstddef>

#include "http_module/framing.h"

namespace tekio::http {
namespace {

constexpr std::string_view kScheme = "http://";

/// "a b" of "a%20b"; what is no such escape stays as it is.
std::string decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = i + 2 < text.size() ? hexadecimal(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hexadecimal(text[i + 2]);
    if (text[i] == '%' && low >= 0) {
      out += static_cast<char>(16 * high + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

Target parse_target(std::string_view target) {
  Target found;
  if (is_word(target.substr(0, kScheme.size()), kScheme)) {
    const std::string_view rest = target.substr(kScheme.size());
    found.authority = rest.substr(0, rest.find_first_of("/?"));
    // Without a host it names no other place than any other path that there is not.
    if (!found.authority.empty()) target = rest.substr(found.authority.size());
  }
  found.path = decoded(target.substr(0, target.find('?')));
  if (found.path.empty()) found.path = "/";
  return found;
}

}  // namespace tekio::http
