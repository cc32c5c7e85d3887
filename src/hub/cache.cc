#include "hub/cache.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "base/system_error.h"

namespace tekio::hub {
namespace {

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    fail_system({error, folder}, "cannot make the folder {}: {}; name another cache by --cache_dir or HF_HUB_CACHE",
                printable(folder.string(), 300));
}

}  // namespace

RepositoryCache::RepositoryCache(fs::path cache, const Repository& repository)
    : cache_(std::move(cache)), folder_(cache_ / folder_name(repository)), revision_(repository.revision) {}

std::optional<std::string> RepositoryCache::commit() const {
  if (is_commit(revision_)) return revision_;
  const fs::path reference = folder_ / "refs" / revision_;
  std::error_code ignored;
  if (!fs::is_regular_file(reference, ignored)) return std::nullopt;
  std::string commit = read_text(reference, 4096);
  while (!commit.empty() && std::isspace(static_cast<unsigned char>(commit.back())) != 0) commit.pop_back();
  return is_commit(commit) ? std::optional(commit) : std::nullopt;
}

fs::path RepositoryCache::snapshot(const std::string& commit) const { return folder_ / "snapshots" / commit; }

std::optional<fs::path> RepositoryCache::file(const std::string& commit, const std::string& path) const {
  const fs::path found = snapshot(commit) / path;
  std::error_code ignored;
  return fs::is_regular_file(found, ignored) ? std::optional(found) : std::nullopt;
}

fs::path RepositoryCache::blob(const std::string& etag) const { return folder_ / "blobs" / etag; }

fs::path RepositoryCache::lock(const std::string& etag) const {
  return cache_ / ".locks" / folder_.filename() / (etag + ".lock");
}

std::optional<std::vector<std::string>> RepositoryCache::listing(const std::string& commit) const {
  const fs::path path = folder_ / "listings" / commit;
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return std::nullopt;
  const std::string text = read_text(path);
  std::vector<std::string> names;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    names.push_back(text.substr(begin, end - begin));
    if (!is_safe_path(names.back())) return std::nullopt;  // damaged: as if it were not there
    begin = end + 1;
  }
  return names;
}

fs::path RepositoryCache::absence(const std::string& commit, const std::string& path) const {
  return folder_ / ".no_exist" / commit / path;
}

bool RepositoryCache::is_absent(const std::string& commit, const std::string& path) const {
  std::error_code ignored;
  return fs::is_regular_file(absence(commit, path), ignored);
}

void RepositoryCache::set_listing(const std::string& commit, const std::vector<std::string>& names) const {
  const fs::path path = folder_ / "listings" / commit;
  make_folders(path.parent_path());
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  write_atomically(path, text);
}

void RepositoryCache::set_commit(const std::string& commit) const {
  if (is_commit(revision_) || this->commit() == commit) return;
  const fs::path reference = folder_ / "refs" / revision_;
  make_folders(snapshot(commit));  // huggingface_hub takes a repository without it for damaged
  make_folders(reference.parent_path());
  write_atomically(reference, commit);
}

void RepositoryCache::set_absent(const std::string& commit, const std::string& path) const {
  const fs::path marker = absence(commit, path);
  std::error_code ignored;
  if (fs::exists(marker, ignored)) return;
  make_folders(marker.parent_path());
  std::ofstream{marker};
}

void RepositoryCache::link(const std::string& commit, const std::string& path, const std::string& etag) const {
  const fs::path name = snapshot(commit) / path;
  make_folders(name.parent_path());
  fs::path target = fs::path("..") / ".." / "blobs" / etag;
  for (const char c : path)
    if (c == '/') target = ".." / target;
  std::error_code error;
  fs::remove(absence(commit, path), error);
  if (fs::read_symlink(name, error) == target) return;
  // Made aside and renamed: whoever reads the snapshot meanwhile finds the old file or the new one.
  const fs::path aside = name.parent_path() / fmt::format(".{}.{}.link", etag.substr(0, 16), ::getpid());
  fs::remove(aside, error);
  fs::create_symlink(target, aside, error);
  if (error) {  // a file system without links
    error.clear();
    fs::copy_file(blob(etag), aside, fs::copy_options::overwrite_existing, error);
  }
  if (!error) fs::rename(aside, name, error);
  if (!error) return;
  std::error_code ignored;
  fs::remove(aside, ignored);
  fail_system({error, name}, "cannot put {} into the Hub's cache: {}", printable(name.string(), 300));
}

}  // namespace tekio::hub
