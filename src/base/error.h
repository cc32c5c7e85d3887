// fail(): throws tekio::Error with a formatted message. check(): fail() as a bug where an assumption of ours does not
// hold.
#pragma once

#include <fmt/format.h>

#include <tekio/error.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tekio {

template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

/// Throws an Error of kind bug unless `ok`: for what no user's input can cause.
#define TEKIO_CHECK(ok, ...)                                                                         \
  do {                                                                                               \
    if (!(ok)) [[unlikely]]                                                                          \
      ::tekio::fail(::tekio::ErrorKind::bug, "{}:{}: {} does not hold: {}", __FILE__, __LINE__, #ok, \
                    ::fmt::format(__VA_ARGS__));                                                     \
  } while (false)

/// The candidate with the smallest edit distance to `word`, if one is near enough to be what was meant; else empty.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// Makes text from outside safe to show in one line of a terminal: control characters and invalid UTF-8 become \xNN,
/// anything past `limit` bytes is cut with "…".
std::string printable(std::string_view text, size_t limit = 80);

}  // namespace tekio
