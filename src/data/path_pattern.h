// Patterns of paths, as shells know them: * ? [a-z] within a name, ** for any folders, {a,b} for either.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tekio {

/// Whether a path holds a character that makes it a pattern.
bool is_pattern(const std::string& path);

/// The files that match, sorted by path, each once. Hidden ones and those in hidden folders only where the pattern's
/// part begins with a dot; ** follows no links to folders.
std::vector<std::filesystem::path> files_matching(const std::string& pattern);

/// The folders of a pattern up to the first part that is one.
std::filesystem::path fixed_folder(const std::string& pattern);

}  // namespace tekio
