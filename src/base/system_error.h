// What the operating system refuses: an Error of kind io that keeps the system's own code (errno), for who tells the
// cases apart, as Python does: a file that is not there, a folder that may not be written to.
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace tekio {

/// What the system said, and of which file or folder, where it is one.
struct SystemAnswer {
  SystemAnswer(std::error_code said, std::filesystem::path of = {}) : code(said), path(std::move(of)) {}
  SystemAnswer(std::errc said, std::filesystem::path of = {})
      : SystemAnswer(std::make_error_code(said), std::move(of)) {}

  std::error_code code;
  std::filesystem::path path;
};

class SystemError : public Error {
 public:
  SystemError(SystemAnswer answer, const std::string& message)
      : Error(ErrorKind::io, message), answer_(std::move(answer)) {}
  const SystemAnswer& answer() const noexcept { return answer_; }

 private:
  SystemAnswer answer_;
};

/// Throws a SystemError of what no call to the system said, but what is as if it had.
template <typename... Args>
[[noreturn]] void fail(SystemAnswer answer, fmt::format_string<Args...> format, Args&&... args) {
  throw SystemError(std::move(answer), message(format, std::forward<Args>(args)...));
}

/// Throws a SystemError; the last {} of `format` is for what the system says.
template <typename... Args>
[[noreturn]] void fail_system(SystemAnswer answer, fmt::format_string<Args..., std::string> format, Args&&... args) {
  const std::string sentence =
      message<Args..., std::string>(format, std::forward<Args>(args)..., answer.code.message());
  throw SystemError(std::move(answer), sentence);
}

/// Throws what `error` is, its kind and the system's answer, with another sentence.
[[noreturn]] void fail_as(const Error& error, const std::string& sentence);

/// errno as it stands.
std::error_code last_error();

}  // namespace tekio
