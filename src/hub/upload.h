// A folder's files to a repository on the Hub, in one commit: what is large by git-lfs (lfs.h), the rest within the
// commit. Nothing of the repository changes before the commit, and all of it with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hub/repository.h"
#include "hub/settings.h"

namespace tekio::hub {

struct UploadFile {
  std::string path;                      ///< in the repository
  std::filesystem::path file = {};       ///< on this machine
  std::optional<std::string> text = {};  ///< the content itself, instead of a file
};

struct UploadOptions {
  bool is_private = false;   ///< whom the repository must be hidden from: everybody else; one that is made is made so
  std::string message = {};  ///< the commit's first line
  std::string description = {};  ///< its further lines
  /// Whether files may be replaced that this user has not pushed from here himself.
  bool overwrite = false;
};

struct Uploaded {
  std::string repository;              ///< its whole id, OWNER/NAME
  std::string url, commit;             ///< the branch's last commit: the one that was made, or the one that was there
  std::vector<std::string> sent = {};  ///< files of the commit; none: all were there already, and none was made
  std::vector<std::string> unchanged = {};  ///< that were there with this content
  std::vector<std::string> ignored = {};    ///< that the repository's own .gitignore leaves out
  uint64_t sent_bytes = 0, unchanged_bytes = 0;
};

/// What can be said before there is anything to push: the token is there, valid and may write, the repository is there
/// (it is made, empty, where it is not) and as private as asked, and `names`, the files to come, would replace nothing
/// that upload() would leave alone. With `make` false nothing is made. Returns the repository with its owner's name.
/// Errors: usage (no token, offline), io (what the Hub refuses, each with what to do).
Repository prepare_upload(const Settings& settings, const Repository& repository, const std::vector<std::string>& names,
                          const UploadOptions& options, bool make = true);

/// The repository with its owner's name: "NAME" alone is of whoever the token belongs to. Errors: as above.
Repository with_owner(const Settings& settings, const Repository& repository);

/// Makes the repository where there is none, and commits to its branch main. Files that are there with the same content
/// are not sent again. One that is there with another content is replaced only where the branch's last commit is the
/// last one that this user pushed from here, or `overwrite`. Errors: as above, io (somebody else commits meanwhile;
/// what the Hub refuses); the repository is then as it was.
Uploaded upload(const Settings& settings, const Repository& repository, const std::vector<UploadFile>& files,
                const UploadOptions& options);

}  // namespace tekio::hub
