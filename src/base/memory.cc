// What Linux tells in /proc and in the control group's files (version 2).
#include "base/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace tekio {
namespace {

/// The number behind the first line that begins with `key`.
std::optional<int64_t> number_after(const char* path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  for (int64_t number; file >> word >> number; file.ignore(std::numeric_limits<std::streamsize>::max(), '\n'))
    if (word == key) return number;
  return std::nullopt;
}

std::optional<int64_t> first_number(const char* path) {
  std::ifstream file(path);
  if (int64_t number; file >> number) return number;  // "max": none
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> available_memory() {
  int64_t available = std::numeric_limits<int64_t>::max();
  const auto at_most = [&](int64_t bytes) { available = std::min(available, std::max<int64_t>(bytes, 0)); };
  if (const auto kib = number_after("/proc/meminfo", "MemAvailable:")) at_most(*kib * 1024);
  const auto most = first_number("/sys/fs/cgroup/memory.max"), used = first_number("/sys/fs/cgroup/memory.current");
  if (most && used) {
    const char* const parts = "/sys/fs/cgroup/memory.stat";
    const int64_t files =
        number_after(parts, "inactive_file").value_or(0) + number_after(parts, "active_file").value_or(0);
    at_most(*most - *used + files);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    if (const auto pages = first_number("/proc/self/statm"))
      at_most(static_cast<int64_t>(limit.rlim_cur) - *pages * ::sysconf(_SC_PAGESIZE));
  if (available == std::numeric_limits<int64_t>::max()) return std::nullopt;
  return available;
}

}  // namespace tekio
