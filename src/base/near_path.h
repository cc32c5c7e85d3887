// What a path that is not there was likely meant to be.
#pragma once

#include <filesystem>
#include <string>

namespace tekio {

/// The path of a file or folder that differs from `path` by a few letters, by letters' case or by an ending that was
/// left out, in one place of it; empty if none is near. Looks into the folders that `path` names, no further.
std::string near_path(const std::filesystem::path& path);

}  // namespace tekio
