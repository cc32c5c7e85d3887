// What may still be allocated, by limits that a test can set for itself.
#include "base/memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

namespace tekio::test {
namespace {

TEST(Memory, IsToldAndNoMoreThanTheMachineHas) {
  const auto available = available_memory();
  ASSERT_TRUE(available.has_value());
  EXPECT_GT(*available, 0);
  EXPECT_LE(*available, ::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGESIZE));
}

TEST(Memory, ALimitOfTheProcessCounts) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::ifstream told("/proc/self/statm");
    int64_t pages = 0;
    told >> pages;
    rlimit limit{};
    ::getrlimit(RLIMIT_AS, &limit);
    constexpr int64_t kLeft = 32 << 20;
    limit.rlim_cur = static_cast<rlim_t>(pages * ::sysconf(_SC_PAGESIZE) + kLeft);
    ::setrlimit(RLIMIT_AS, &limit);
    const int64_t available = available_memory().value_or(-1);
    ::_exit(available > kLeft / 2 && available <= kLeft ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace tekio::test
