// Paths as users write them.
#pragma once

#include <filesystem>
#include <string>

namespace tekio {

/// "~" and "~/…" in the home folder, as a shell would have it (and does not behind an option's "="); others as they
/// are.
std::filesystem::path expanded(const std::string& path);

/// What a path is called: its last part, also where it ends in a slash or is ".".
std::string last_part(const std::filesystem::path& path);

}  // namespace tekio
