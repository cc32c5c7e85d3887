#include "hub/blob_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/system_error.h"
#include "hub/digest.h"

namespace tekio::hub {
namespace {

[[noreturn]] void fail_at(const fs::path& path) {
  fail_system({last_error(), path}, "cannot write {}: {}; name another cache by --cache_dir or HF_HUB_CACHE",
              printable(path.string(), 300));
}

void make_folder_of(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error)
    fail_system({error, path.parent_path()},
                "cannot make the folder {}: {}; name another cache by --cache_dir or HF_HUB_CACHE",
                printable(path.parent_path().string(), 300));
}

}  // namespace

BlobLock::BlobLock(const fs::path& path) {
  make_folder_of(path);
  for (int waited_ms = 0;; waited_ms += 100) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0664);  // as huggingface_hub: a group may share it
    if (descriptor_ < 0) fail_at(path);
    if (try_lock(descriptor_, path)) return;
    ::close(descriptor_);
    if (waited_ms == 1000) note("waiting for another process that fetches the same file");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

BlobLock::~BlobLock() { ::close(descriptor_); }

BlobFile::BlobFile(const FileHead& file, fs::path destination)
    : file_(file), path_(destination.string() + ".incomplete"), destination_(std::move(destination)) {}

BlobFile::BlobFile(const RepositoryCache& cache, const FileHead& file) : BlobFile(file, cache.blob(file.etag)) {
  make_folder_of(path_);
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  struct stat info {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &info) != 0) fail_at(path_);
  size_ = static_cast<uint64_t>(info.st_size);
  if (size_ > file.size) clear();
  if (::lseek(descriptor_, 0, SEEK_END) < 0) fail_at(path_);
  const auto room = free_bytes(path_.parent_path());
  if (room && *room < static_cast<int64_t>(file.size - size_))
    fail(ErrorKind::io,
         "{} needs {} more, but {} are free there: make room, or name another cache by --cache_dir or HF_HUB_CACHE",
         printable(path_.string(), 300), bytes_text(file.size - size_), bytes_text(static_cast<uint64_t>(*room)));
}

BlobFile::~BlobFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void BlobFile::clear() {
  if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) < 0) fail_at(path_);
  size_ = 0;
}

bool BlobFile::append(std::string_view bytes) {
  if (bytes.size() > file_.size - size_) return false;
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_at(path_);
    size_ += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

void BlobFile::finish(const std::string& what) {
  const auto refuse = [&](const std::string& got) {
    ::unlink(path_.c_str());
    fail(ErrorKind::io, "{}: {}; it was dropped: run again, and if that does not help ask whoever runs the server",
         what, got);
  };
  if (size_ != file_.size) refuse(fmt::format("{} bytes came, {} were promised", size_, file_.size));
  if (const auto kind = digest_kind(file_.etag)) {
    const std::string got = digest_of(path_, *kind);
    if (got != file_.etag)
      refuse(fmt::format("its {} is {}, the Hub says {}", *kind == Digest::Kind::sha256 ? "SHA-256" : "git digest", got,
                         file_.etag));
  }
  if (::fsync(descriptor_) != 0) fail_at(path_);
  if (::rename(path_.c_str(), destination_.c_str()) != 0) fail_at(destination_);
}

}  // namespace tekio::hub
