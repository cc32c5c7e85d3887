// Goes down the path; where a part is missing, the nearest name in that folder takes its place, once.
#include "base/near_path.h"

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace tekio {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMostNames = 10'000;

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (fs::directory_iterator at(folder.empty() ? "." : folder, ignored), end;
       !ignored && at != end && names.size() < kMostNames; at.increment(ignored))
    if (std::string name = at->path().filename().string(); !name.starts_with(".")) names.push_back(std::move(name));
  std::sort(names.begin(), names.end());
  return names;
}

std::string near_name(const fs::path& folder, const std::string& wanted) {
  const std::vector<std::string> names = names_in(folder);
  const std::string lowered = lower(wanted);
  std::vector<std::string> small;
  for (const std::string& name : names) small.push_back(lower(name));
  const auto of = [&](auto found) { return names[static_cast<size_t>(found - small.begin())]; };
  if (const auto same = std::find(small.begin(), small.end(), lowered); same != small.end()) return of(same);
  const auto longer = std::find_if(small.begin(), small.end(),
                                   [&](const std::string& name) { return name.starts_with(lowered + "."); });
  if (longer != small.end()) return of(longer);
  const std::string near = nearest(lowered, small);
  return near.empty() ? "" : of(std::find(small.begin(), small.end(), near));
}

}  // namespace

std::string near_path(const fs::path& path) {
  fs::path at;
  bool replaced = false;
  std::error_code ignored;
  for (const fs::path& part : path) {
    if (part.empty() || fs::exists(at / part, ignored)) {
      at /= part;
      continue;
    }
    if (replaced) return "";
    const std::string near = near_name(at, part.string());
    if (near.empty()) return "";
    at /= near;
    replaced = true;
  }
  return replaced ? at.string() : "";
}

}  // namespace tekio
