#include "hub/repository.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"

namespace tekio::hub {
namespace {

constexpr size_t kLongestId = 96, kLongestRevision = 255, kLongestPath = 1024, kLongestPart = 255;

// One part of an id, as the Hub allows it: letters, digits and - _ . ; neither "-" nor "." begins or ends it, and
// neither "--" nor ".." stands in it.
bool is_id_part(std::string_view part) {
  const auto is_edge = [](char c) { return c == '-' || c == '.'; };
  if (part.empty() || is_edge(part.front()) || is_edge(part.back())) return false;
  if (part.find("--") != std::string_view::npos || part.find("..") != std::string_view::npos) return false;
  return std::all_of(part.begin(), part.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-');
  });
}

bool is_id(std::string_view id) {
  if (id.size() > kLongestId || id.ends_with(".git")) return false;
  const size_t slash = id.find('/');
  return slash == std::string_view::npos ? is_id_part(id)
                                         : is_id_part(id.substr(0, slash)) && is_id_part(id.substr(slash + 1));
}

// Parts between slashes become folders of the cache.
bool is_revision(std::string_view revision) { return revision.size() <= kLongestRevision && is_safe_path(revision); }

}  // namespace

std::optional<Repository> parse_repository(std::string_view spec, RepoType type) {
  const size_t at = spec.find('@');
  Repository repository{type, std::string(spec.substr(0, at))};
  if (at != std::string_view::npos) repository.revision = spec.substr(at + 1);
  if (!is_id(repository.id) || !is_revision(repository.revision)) return std::nullopt;
  return repository;
}

std::string folder_name(const Repository& repository) {
  std::string name = (repository.type == RepoType::model ? "models--" : "datasets--") + repository.id;
  if (const size_t slash = name.find('/'); slash != std::string::npos) name.replace(slash, 1, "--");
  return name;
}

std::string shown(const Repository& repository) {
  return printable(repository.revision == "main" ? repository.id : repository.id + "@" + repository.revision, 200);
}

bool is_commit(std::string_view revision) {
  return revision.size() == 40 &&
         std::all_of(revision.begin(), revision.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

bool is_safe_path(std::string_view path) {
  if (path.empty() || path.size() > kLongestPath) return false;
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < ' ' || c == 0x7F || c == '\\'; }))
    return false;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.size() > kLongestPart) return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace tekio::hub
