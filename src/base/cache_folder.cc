// Environment and mkdir(2); nothing here throws.
#include "base/cache_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tekio {
namespace fs = std::filesystem;
namespace {

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

// A folder and those above it that are missing; the system's error number, 0 if all are there.
int make_missing(const fs::path& folder) {
  std::error_code ignored;
  if (folder.empty() || fs::exists(folder, ignored)) return 0;
  if (const int code = make_missing(folder.parent_path()); code != 0) return code;
  return ::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
}

}  // namespace

std::optional<fs::path> cache_folder() {
  if (const char* own = environment("TEKIO_CACHE")) return own;
  if (const char* general = environment("XDG_CACHE_HOME")) return fs::path(general) / "tekio";
  if (const char* home = environment("HOME")) return fs::path(home) / ".cache" / "tekio";
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
