// Files that are not what their names say: what a download, a clone or a cache left in their place. Whoever reads a
// file names it and adds what is returned here: "corpus.txt is a git-lfs pointer for …".
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace tekio {

/// How many of a file's first bytes foreign_content() looks at.
inline constexpr size_t kForeignBytes = 1024;

/// What stands in a file's place, told by its first bytes (as many of kForeignBytes as there are): a pointer of
/// git-lfs, git-annex or Xet, an HTML page, a server's error answer. The rest of a sentence that begins with the file's
/// name, with what to do; empty if the bytes are none of these.
std::string foreign_content(std::string_view first_bytes);

/// The same for a file on disk; empty too if it cannot be read.
std::string foreign_content_of(const std::filesystem::path& path);

/// "is a link to ../blobs/5e5e, which is not there" where `path` is a link that leads nowhere; else empty.
std::string dangling_link(const std::filesystem::path& path);

}  // namespace tekio
