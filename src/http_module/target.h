// What a request asks for, of the first line of its head.
#pragma once

#include <string>
#include <string_view>

namespace tekio::http {

struct Target {
  std::string authority;  ///< of http://AUTHORITY/PATH; empty where the target is a path alone
  std::string path;       ///< decoded, without what follows a question mark
};

Target parse_target(std::string_view target);

}  // namespace tekio::http
