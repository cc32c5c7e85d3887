#include "base/user_path.h"

#include <algorithm>

#include "base/environment.h"

namespace tekio {
namespace fs = std::filesystem;

fs::path expanded(const std::string& path) {
  if (path != "~" && !path.starts_with("~/")) return path;
  return fs::path(environment("HOME")) / path.substr(std::min<size_t>(path.size(), 2));
}

std::string last_part(const fs::path& path) {
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(path, ignored);
  return (whole.empty() ? path : whole).filename().string();
}

}  // namespace tekio
