// A store's name is 32 hexadecimal digits and ".tokens"; whatever else lies in the folder is somebody else's.
#include "data/cached_stores.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/lock.h"
#include "base/system_error.h"

namespace tekio {
namespace {

constexpr std::string_view kExtension = ".tokens";
constexpr std::chrono::hours kUnused{30 * 24};
constexpr uint64_t kMostBytes = 20'000'000'000;

bool is_store_name(const std::string& name) {
  constexpr size_t kDigits = 2 * sizeof(StoreKey);
  return name.size() == kDigits + kExtension.size() && name.ends_with(kExtension) &&
         name.find_first_not_of("0123456789abcdef") == kDigits;
}

std::chrono::system_clock::time_point time_of(const timespec& t) {
  return std::chrono::system_clock::time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

enum class Removal { removed, in_use, failed, gone };
struct Removed {
  Removal result;
  std::string reason;
};

Removed remove_store(const fs::path& path) {
  if (::access(path.c_str(), R_OK) != 0)  // another's: whether it is in use cannot be told
    return {errno == ENOENT ? Removal::gone : Removal::failed, std::strerror(errno)};
  const Lock nobody_uses_it(path);
  if (!nobody_uses_it.held()) return {Removal::in_use, ""};
  if (::unlink(path.c_str()) == 0) return {Removal::removed, ""};
  return {errno == ENOENT ? Removal::gone : Removal::failed, std::strerror(errno)};
}

}  // namespace

fs::path stores_folder(const fs::path& cache) { return cache / "tokens"; }

fs::path store_path(const fs::path& stores, const StoreKey& key) {
  std::string name;
  for (const std::byte b : key) name += fmt::format("{:02x}", static_cast<unsigned>(b));
  return stores / name.append(kExtension);
}

std::vector<CachedStore> list_stores(const fs::path& folder) {
  std::vector<CachedStore> stores;
  std::error_code error;
  fs::directory_iterator at(folder, error);
  if (error == std::errc::no_such_file_or_directory) return stores;
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    struct stat info {};
    if (!is_store_name(at->path().filename().string()) || ::lstat(at->path().c_str(), &info) != 0 ||
        !S_ISREG(info.st_mode))
      continue;
    stores.push_back({at->path(), static_cast<uint64_t>(info.st_size), time_of(info.st_mtim)});
  }
  if (error) fail_system({error, folder}, "cannot read the cache's folder {}: {}", printable(folder.string(), 300));
  std::ranges::sort(stores, {}, &CachedStore::used);
  return stores;
}

ClearedStores clear_stores(const fs::path& folder, std::chrono::duration<double> unused) {
  ClearedStores cleared;
  const auto now = std::chrono::system_clock::now();
  for (const CachedStore& store : list_stores(folder)) {
    if (unused.count() > 0 && now - store.used < unused) continue;
    switch (const Removed removed = remove_store(store.path); removed.result) {
      case Removal::removed:
        cleared.removed.push_back(store);
        break;
      case Removal::in_use:
        cleared.in_use.push_back(store);
        break;
      case Removal::failed:
        cleared.failed.emplace_back(store, removed.reason);
        break;
      case Removal::gone:
        break;
    }
  }
  remove_stale_temporaries(folder);
  return cleared;
}

void prune_stores(const fs::path& folder) {
  const std::vector<CachedStore> stores = list_stores(folder);
  uint64_t total = 0;
  for (const CachedStore& store : stores) total += store.bytes;
  const auto old = std::chrono::system_clock::now() - kUnused;
  for (const CachedStore& store : stores) {
    if (store.used >= old && total <= kMostBytes) break;
    if (remove_store(store.path).result == Removal::removed) total -= store.bytes;
  }
}

}  // namespace tekio
