// fail(): throws tekio::Error with a formatted message. TEKIO_CHECK: fail() as a bug where an assumption of ours does
// not hold.
#pragma once

#include <fmt/format.h>

#include <tekio/error.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tekio {

/// What whoever calls writes for the program's option of this name.
using OptionNaming = std::string (*)(std::string_view name);
/// That of the library's callers, by which messages name options at the start: the field, "chunk_size".
std::string field_of_option(std::string_view name);
/// From here on messages name options in this way.
void name_options_by(OptionNaming naming);
/// The option of this name as messages name it now.
std::string named_option(std::string_view name);
/// `text`, which we wrote, with the options in it, each written "--name", as messages name them now.
std::string with_named_options(std::string_view text);

/// A sentence for whoever called: as fmt::format, but for the options named in `format`, each written "--name".
template <typename... Args>
std::string message(fmt::format_string<Args...> format, Args&&... args) {
  const fmt::string_view text = format;
  return fmt::vformat(with_named_options({text.data(), text.size()}), fmt::make_format_args(args...));
}

template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, message(format, std::forward<Args>(args)...));
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
