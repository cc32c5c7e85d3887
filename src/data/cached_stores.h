// The folder in which token stores are kept: what lies there, what gives way. Only files that are named as stores are
// ever looked at or removed, and none that a process has open, which a shared lock tells.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cache_folder.h"
#include "data/token_store.h"

namespace tekio {

/// Where in the cache the stores are.
std::filesystem::path stores_folder(const std::filesystem::path& cache);
/// The file in which a store is kept.
std::filesystem::path store_path(const std::filesystem::path& stores, const StoreKey& key);

struct CachedStore {
  std::filesystem::path path;
  uint64_t bytes = 0;
  std::chrono::system_clock::time_point used;  ///< when a run last opened it: its time of modification
};

/// The stores that lie in this folder, the least recently used ones first; none where there is no such folder.
/// Errors: io (it cannot be read).
std::vector<CachedStore> list_stores(const std::filesystem::path& stores);

/// What removing stores came to.
struct ClearedStores {
  std::vector<CachedStore> removed, in_use;
  std::vector<std::pair<CachedStore, std::string>> failed;  ///< with the system's reason
};
/// Removes the stores that nobody has used for `unused`, and what killed processes left half written.
/// Errors: io (the folder cannot be read).
ClearedStores clear_stores(const std::filesystem::path& stores, std::chrono::duration<double> unused);

/// Removes the stores that nobody has used for 30 days, and the least recently used ones while all have more than
/// 20 GB.
void prune_stores(const std::filesystem::path& stores);

}  // namespace tekio
