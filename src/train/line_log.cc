// Special files (a pipe, /dev/stdout) are written to and never read.
#include "train/line_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/system_error.h"

namespace tekio {
namespace {

/// The whole lines of a log whose step is at most `kept_steps`.
std::string kept_lines(const fs::path& path, int64_t kept_steps) {
  const MappedFile file(path);
  std::string kept;
  for (std::string_view rest = file.text(); !rest.empty();) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = rest.substr(0, end + 1);
    rest.remove_prefix(end + 1);
    const Json document = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto step = document.is_object() ? document.find("step") : document.end();
    if (!document.is_object() || step == document.end() || !step->is_number_integer() ||
        step->get<int64_t>() > kept_steps)
      break;
    kept += line;
  }
  return kept;
}

}  // namespace

LineLog::LineLog(const fs::path& path, int64_t kept_steps) : path_(path) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored))
    write_atomically(path, kept_steps > 0 ? kept_lines(path, kept_steps) : std::string());
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_system({last_error(), path_}, "cannot write {}: {}", printable(path_.string(), 300));
}

void LineLog::refuse_foreign(const fs::path& path, const std::string& option) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return;
  const MappedFile file(path);
  const std::string_view first = file.text().substr(0, file.text().find('\n'));
  const Json document = Json::parse(first, nullptr, /*allow_exceptions=*/false);
  if (!first.empty() && !(document.is_object() && document.contains("step")))
    fail(ErrorKind::usage, "{} {} exists and is not a log of updates (it begins with \"{}\"); name a new file", option,
         printable(path.string(), 300), printable(first, 40));
}

LineLog::~LineLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

LineLog::LineLog(LineLog&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

LineLog& LineLog::operator=(LineLog&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void LineLog::append(const OrderedJson& document) {
  const std::string line = document.dump() + "\n";
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_system({last_error(), path_}, "cannot write {}: {}", printable(path_.string(), 300));
    rest.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace tekio
