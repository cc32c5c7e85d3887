// Each of these does what the C library's does, by the bare system call, unless the plan says otherwise.
#include "faults.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tekio::faults {
namespace {

thread_local Plan plan;
thread_local bool armed = false;
thread_local int64_t calls = 0;

// Whether this call is to fail (errno is then set).
bool hit() {
  if (!armed || calls++ != plan.at) return false;
  if (plan.kill) ::kill(getpid(), SIGKILL);
  errno = plan.error;
  return true;
}

}  // namespace

void arm(const Plan& wanted) {
  plan = wanted;
  calls = 0;
  armed = true;
}

int64_t disarm() {
  armed = false;
  return calls;
}

namespace {
bool interrupted() { return armed && plan.short_writes && calls % 3 == 0; }
size_t taken(size_t size) { return armed && plan.short_writes ? std::min<size_t>(size, 7) : size; }
}  // namespace

}  // namespace tekio::faults

using namespace tekio::faults;  // NOLINT: the C library's names must stand outside

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  if (hit()) return -1;
  if (interrupted()) return errno = EINTR, -1;
  return syscall(SYS_write, descriptor, bytes, taken(size));
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  if (hit()) return -1;
  if (interrupted()) return errno = EINTR, -1;
  return syscall(SYS_pwrite64, descriptor, bytes, taken(size), offset);
}

int fsync(int descriptor) { return hit() ? -1 : static_cast<int>(syscall(SYS_fsync, descriptor)); }

int rename(const char* from, const char* to) noexcept {
  return hit() ? -1 : static_cast<int>(syscall(SYS_rename, from, to));
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  if (hit()) return -1;
  if (armed && plan.no_exchange && (flags & RENAME_EXCHANGE) != 0) return errno = EINVAL, -1;
  return static_cast<int>(syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

int mkdir(const char* path, mode_t mode) noexcept {
  return hit() ? -1 : static_cast<int>(syscall(SYS_mkdir, path, mode));
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  return hit() ? -1 : static_cast<int>(syscall(SYS_unlinkat, folder, path, flags));
}

}  // extern "C"
