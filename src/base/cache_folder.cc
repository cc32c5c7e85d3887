// Where the cache is, as the environment says.
#include "base/cache_folder.h"

#include <cstdlib>

#include "base/error.h"

namespace tekio {
namespace {

const char* environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace

std::filesystem::path cache_folder() {
  if (const char* own = environment("TEKIO_CACHE")) return own;
  if (const char* general = environment("XDG_CACHE_HOME")) return std::filesystem::path(general) / "tekio";
  if (const char* home = environment("HOME")) return std::filesystem::path(home) / ".cache" / "tekio";
  fail(ErrorKind::io,
       "there is no place for the cache: none of TEKIO_CACHE, XDG_CACHE_HOME and HOME is set; set one or pass "
       "--no_cache");
}

}  // namespace tekio
