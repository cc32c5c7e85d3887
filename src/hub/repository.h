// What a name on the Hub means: "name", "org/name", either with "@revision".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tekio::hub {

enum class RepoType : uint8_t { model, dataset };

struct Repository {
  RepoType type = RepoType::model;
  std::string id;                 ///< "distilbert-base-uncased", "stanfordnlp/imdb"
  std::string revision = "main";  ///< a branch, a tag or a commit
  std::string home = {};          ///< its id on the Hub, where it has moved there and is known to; the cache keeps `id`

  /// What requests are to ask for, so that they are not sent on from the old id to the new one each time.
  const std::string& asked_as() const { return home.empty() ? id : home; }
};

/// `spec` as a repository; nullopt where no repository can have this name. An absent revision is "main".
std::optional<Repository> parse_repository(std::string_view spec, RepoType type);

/// "models--org--name": its folder in the cache.
std::string folder_name(const Repository& repository);
/// "ID" or "ID@REV", for messages.
std::string shown(const Repository& repository);

/// 40 hexadecimal digits.
bool is_commit(std::string_view revision);
/// Whether a file of a repository may be written under this name below a folder: relative, without "..", empty parts,
/// backslashes and control characters, of a sensible length. Names come from servers.
bool is_safe_path(std::string_view path);

}  // namespace tekio::hub
