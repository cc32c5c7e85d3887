// The one subtle thing: a lock belongs to what is open, not to its name. Who gets the lock of a file that was removed
// meanwhile holds nothing, so the name is looked at again after locking.
#include "base/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/system_error.h"

namespace tekio {
namespace fs = std::filesystem;

bool try_lock(int descriptor, const fs::path& path, LockKind kind) {
  if (::flock(descriptor, (kind == LockKind::shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return false;
  struct stat open {
  }, named{};
  return ::fstat(descriptor, &open) == 0 && ::lstat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

Lock::Lock(const fs::path& path, LockKind kind)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)),
      held_(descriptor_ >= 0 && try_lock(descriptor_, path, kind)) {}

Lock::~Lock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool LockFile::is_held() const {
  const int descriptor = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool held = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  return held;
}

bool LockFile::take() {
  constexpr int kTries = 10;  // is_held() of somebody else holds it for a moment
  for (int attempt = 0; attempt < kTries; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const int descriptor = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (descriptor < 0) fail_system({last_error(), path_}, "cannot write {}: {}", printable(path_.string(), 300));
    if (try_lock(descriptor, path_)) {
      descriptor_ = descriptor;
      return true;
    }
    ::close(descriptor);
  }
  return false;
}

void LockFile::release() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());
  ::close(std::exchange(descriptor_, -1));
}

}  // namespace tekio
