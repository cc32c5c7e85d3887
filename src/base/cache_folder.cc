// Environment and mkdir(2).
#include "base/cache_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/environment.h"

namespace tekio {
namespace fs = std::filesystem;
namespace {

// A folder and those above it that are missing; the system's error number, 0 if all are there.
int make_missing(const fs::path& folder) {
  std::error_code ignored;
  if (folder.empty() || fs::exists(folder, ignored)) return 0;
  if (const int code = make_missing(folder.parent_path()); code != 0) return code;
  return ::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
}

}  // namespace

std::optional<fs::path> cache_folder() {
  if (const std::string own = environment("TEKIO_CACHE"); !own.empty()) return own;
  if (const std::string general = environment("XDG_CACHE_HOME"); !general.empty()) return fs::path(general) / "tekio";
  if (const std::string home = environment("HOME"); !home.empty()) return fs::path(home) / ".cache" / "tekio";
  return std::nullopt;
}

std::string make_private_folder(const fs::path& folder) {
  if (const int code = make_missing(folder); code != 0) return std::strerror(code);
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) return std::strerror(errno);
  if (!S_ISDIR(info.st_mode)) return std::strerror(ENOTDIR);
  if (info.st_uid == ::geteuid() && (info.st_mode & 077) != 0) ::chmod(folder.c_str(), info.st_mode & 0700);
  return ::access(folder.c_str(), W_OK | X_OK) == 0 ? "" : std::strerror(errno);
}

}  // namespace tekio
