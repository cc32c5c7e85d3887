// Data that is too large to be committed: the folder that TEKIO_DATA names. Tests that need it are skipped without it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace tekio::test {

constexpr const char* kNoLargeData = "TEKIO_DATA is not set";

/// $TEKIO_DATA. Nothing where the variable is not set, or empty.
inline std::optional<std::filesystem::path> large_data() {
  const char* folder = std::getenv("TEKIO_DATA");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return folder;
}

}  // namespace tekio::test
