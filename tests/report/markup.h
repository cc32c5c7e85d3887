// What the tests ask of markup: that every tag is closed, in order.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tekio::test {

/// What is wrong with the nesting of HTML or SVG; empty: nothing.
inline std::string nesting_problem(std::string_view text) {
  static const std::set<std::string_view> kVoid = {"meta", "!DOCTYPE"};
  std::vector<std::string> open;
  for (size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const size_t end = text.find('>', at);
    if (end == std::string_view::npos) return "a tag without its end";
    std::string_view tag = text.substr(at + 1, end - at - 1);
    const bool closes = tag.starts_with('/'), closed = tag.ends_with('/');
    if (closes) tag.remove_prefix(1);
    const std::string name(tag.substr(0, tag.find_first_of(" /")));
    if (closes) {
      if (open.empty() || open.back() != name)
        return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
    } else if (!closed && !kVoid.contains(name)) {
      open.push_back(name);
      if (name == "style") at = text.find("</style>", end) - 1;
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> stays open";
}

}  // namespace tekio::test
