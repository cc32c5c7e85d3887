// What the operating system refuses: an Error of kind io that keeps the system's own code (errno), for who tells the
// cases apart, as Python does: a file that is not there, a folder that may not be written to.
#pragma once

#include <system_error>

#include "base/error.h"

namespace tekio {

class SystemError : public Error {
 public:
  SystemError(std::error_code code, const std::string& message) : Error(ErrorKind::io, message), code_(code) {}
  const std::error_code& code() const noexcept { return code_; }

 private:
  std::error_code code_;
};

/// Throws a SystemError of what no call to the system said, but what is as if it had.
template <typename... Args>
[[noreturn]] void fail(std::errc code, fmt::format_string<Args...> format, Args&&... args) {
  throw SystemError(std::make_error_code(code), message(format, std::forward<Args>(args)...));
}

/// Throws a SystemError; the last {} of `format` is for what the system says of `code`.
template <typename... Args>
[[noreturn]] void fail_system(std::error_code code, fmt::format_string<Args..., std::string> format, Args&&... args) {
  throw SystemError(code, message<Args..., std::string>(format, std::forward<Args>(args)..., code.message()));
}

/// Throws what `error` is, its kind and code, with another sentence.
[[noreturn]] void fail_as(const Error& error, const std::string& sentence);

/// errno as it stands.
std::error_code last_error();

}  // namespace tekio
