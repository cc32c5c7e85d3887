// Advisory locks (flock): who holds one is known to the kernel, which lets it go when the process ends, however it
// ends. Nothing is judged by process numbers, which are used again, and mean other processes in another container.
// Where a file system has no locks, every lock is got: there two writers are not told apart, as if there were no locks
// at all.
#pragma once

#include <filesystem>

namespace tekio {

/// A shared lock may be held by many at once, but not beside an exclusive one.
enum class LockKind { exclusive, shared };

/// Locks what the descriptor has open, file or folder, as long as the descriptor stays open. False: another descriptor
/// holds the lock, or `path` no longer names what is open (whoever held the lock removed it).
bool try_lock(int descriptor, const std::filesystem::path& path, LockKind kind = LockKind::exclusive);

/// The lock of a file or folder that is there; let go with this object.
class Lock {
 public:
  /// Opens and locks what is at `path`; not held() where another holds it or it cannot be opened.
  explicit Lock(const std::filesystem::path& path, LockKind kind = LockKind::exclusive);
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  bool held() const { return held_; }

 private:
  int descriptor_;
  bool held_;
};

/// A file that is there while somebody holds its lock, for what is not locked itself: a folder and all that is in it.
class LockFile {
 public:
  explicit LockFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~LockFile() { release(); }
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  /// Whether somebody, this object too, holds it now.
  bool is_held() const;
  /// Makes the file and locks it. False: somebody else holds it. Errors: io.
  bool take();
  /// Lets go of what was taken, and removes the file.
  void release();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace tekio
