// One part of the path after the other, by the C library's fnmatch.
#include "data/path_pattern.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/error.h"
#include "base/system_error.h"

namespace tekio {
namespace fs = std::filesystem;
namespace {

using Parts = std::vector<std::string>;

/// "a{b,c}d" as "abd" and "acd"; of several braces the first is taken apart, the others in turn.
std::vector<std::string> alternatives(const std::string& pattern) {
  constexpr size_t kMost = 1000;
  std::vector<std::string> waiting = {pattern}, done;
  while (!waiting.empty() && done.size() + waiting.size() < kMost) {
    const std::string one = waiting.back();
    waiting.pop_back();
    const size_t open = one.find('{'), close = one.find('}', open);
    if (close == std::string::npos || one.find(',', open) > close) {
      done.push_back(one);
      continue;
    }
    for (size_t at = open + 1; at <= close;) {
      const size_t end = std::min(one.find(',', at), close);
      waiting.push_back(one.substr(0, open) + one.substr(at, end - at) + one.substr(close + 1));
      at = end + 1;
    }
  }
  return done;
}

class Matcher {
 public:
  explicit Matcher(std::vector<fs::path>& found) : found_(found) {}

  void match(const fs::path& at, const Parts& parts, size_t next) {
    std::error_code ignored;
    if (next == parts.size()) {
      if (fs::is_regular_file(at, ignored)) found_.push_back(at);
      return;
    }
    const std::string& part = parts[next];
    if (part == "**") return match_folders(at, parts, next);
    if (!is_pattern(part)) {
      if (fs::exists(at / part, ignored)) match(at / part, parts, next + 1);
      return;
    }
    for (const fs::directory_entry& entry : entries(at)) {
      const std::string name = entry.path().filename().string();
      if (::fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
      if (next + 1 == parts.size() || entry.is_directory(ignored)) match(at / name, parts, next + 1);
    }
  }

 private:
  static std::vector<fs::directory_entry> entries(const fs::path& folder) {
    std::error_code error;
    std::vector<fs::directory_entry> all;
    for (fs::directory_iterator at(folder.empty() ? "." : folder, error), end; !error && at != end; at.increment(error))
      all.push_back(*at);
    if (error && error != std::errc::not_a_directory && error != std::errc::no_such_file_or_directory)
      fail_system({error, folder}, "cannot list the folder {}: {}", printable(folder.string(), 300));
    return all;
  }

  void match_folders(const fs::path& at, const Parts& parts, size_t next) {
    Parts rest(parts.begin() + static_cast<std::ptrdiff_t>(next) + 1, parts.end());
    if (rest.empty()) rest = {"*"};
    match(at, rest, 0);
    std::error_code ignored;
    for (const fs::directory_entry& entry : entries(at)) {
      const fs::path name = entry.path().filename();
      if (!name.string().starts_with(".") && entry.is_directory(ignored) && !entry.is_symlink(ignored))
        match_folders(at / name, parts, next);
    }
  }

  std::vector<fs::path>& found_;
};

}  // namespace

bool is_pattern(const std::string& path) { return path.find_first_of("*?[{") != std::string::npos; }

std::vector<fs::path> files_matching(const std::string& pattern) {
  std::vector<fs::path> found;
  for (const std::string& one : alternatives(pattern)) {
    Parts parts;
    for (const fs::path& part : fs::path(one).relative_path()) parts.push_back(part.string());
    Matcher(found).match(fs::path(one).root_path(), parts, 0);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

fs::path fixed_folder(const std::string& pattern) {
  fs::path folder;
  for (const fs::path& part : fs::path(pattern).parent_path()) {
    if (is_pattern(part.string())) break;
    folder /= part;
  }
  return folder;
}

}  // namespace tekio
