// The Hub's cache on disk, as huggingface_hub lays it out and reads it:
//
//   models--ORG--NAME/refs/REVISION              a commit
//                     snapshots/COMMIT/PATH      a link to ../../blobs/ETAG, or a copy where there are no links
//                     blobs/ETAG                 content; ETAG.incomplete while it is being fetched
//                     listings/COMMIT            names of all of a commit's files, one a line: Tekio's own, so that a
//                                                part of them is known for a part
//                     .no_exist/COMMIT/PATH      empty: the commit has no such file, so nobody need ask for it
//   .locks/models--ORG--NAME/ETAG.lock           flock'ed by whoever writes that blob
//
// Names that become part of a path have been checked (repository.h) before they come here.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hub/repository.h"

namespace tekio::hub {

class RepositoryCache {
 public:
  RepositoryCache(std::filesystem::path cache, const Repository& repository);

  const std::filesystem::path& folder() const { return folder_; }
  /// The commit that the revision meant when it was last fetched.
  std::optional<std::string> commit() const;
  std::filesystem::path snapshot(const std::string& commit) const;
  /// A file of a snapshot that is whole; nullopt where it was never fetched (or its blob is gone).
  std::optional<std::filesystem::path> file(const std::string& commit, const std::string& path) const;
  std::filesystem::path blob(const std::string& etag) const;
  std::filesystem::path lock(const std::string& etag) const;

  /// The names that set_listing() was given.
  std::optional<std::vector<std::string>> listing(const std::string& commit) const;
  /// Whether somebody noted that a commit has no file of this name. A listing knows better.
  bool is_absent(const std::string& commit, const std::string& path) const;

  /// Errors of all of these: io.
  void set_listing(const std::string& commit, const std::vector<std::string>& names) const;
  void set_commit(const std::string& commit) const;
  /// Notes that a commit has no file of this name, for whoever asks for files one by one.
  void set_absent(const std::string& commit, const std::string& path) const;
  /// Puts a blob into a snapshot under its name; a note that there is no such file goes.
  void link(const std::string& commit, const std::string& path, const std::string& etag) const;

 private:
  std::filesystem::path absence(const std::string& commit, const std::string& path) const;

  std::filesystem::path cache_, folder_;
  std::string revision_;
};

}  // namespace tekio::hub
