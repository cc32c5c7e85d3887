// Who holds a lock is told by the kernel: a killed process holds nothing, whatever it left and whoever has its number
// now.
#include "base/lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "base/error.h"
#include "support/scratch_folder.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;

class LockTest : public testing::Test {
 protected:
  /// Runs `body` in a process of its own, which then waits to be killed.
  static pid_t beside(const std::function<void()>& body) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      body();
      if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char byte;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    return child;
  }
  static void kill(pid_t child) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }

  const ScratchFolder scratch_;
  const fs::path folder_ = scratch_.path();
  const fs::path file_ = folder_ / "lock";
};

TEST_F(LockTest, ManyShareWhatNobodyHasAlone) {
  std::ofstream(file_) << "";
  {
    const Lock one(file_, LockKind::shared), two(file_, LockKind::shared);
    EXPECT_TRUE(one.held() && two.held());
    EXPECT_FALSE(Lock(file_).held());
  }
  const Lock alone(file_);
  EXPECT_TRUE(alone.held());
  EXPECT_FALSE(Lock(file_, LockKind::shared).held());
}

TEST_F(LockTest, IsHeldByOneAndGoneWithIt) {
  LockFile first(file_), second(file_);
  EXPECT_FALSE(first.is_held());
  EXPECT_FALSE(fs::exists(file_));  // asking makes nothing
  EXPECT_TRUE(first.take());
  EXPECT_TRUE(second.is_held());
  EXPECT_FALSE(second.take());
  second.release();  // of what it does not have
  EXPECT_TRUE(fs::exists(file_));
  first.release();
  EXPECT_FALSE(fs::exists(file_));
  EXPECT_TRUE(second.take());
}

TEST_F(LockTest, AKilledProcessHoldsNothing) {
  const pid_t child = beside([&] { (new LockFile(file_))->take(); });
  LockFile mine(file_);
  EXPECT_TRUE(mine.is_held());
  EXPECT_FALSE(mine.take());
  kill(child);
  EXPECT_TRUE(fs::exists(file_));  // it could not clear up, and that is in nobody's way
  EXPECT_FALSE(mine.is_held());
  EXPECT_TRUE(mine.take());
}

TEST_F(LockTest, TheLockOfARemovedFileIsWorthNothing) {
  std::ofstream(file_) << "";
  const int descriptor = ::open(file_.c_str(), O_RDWR);
  fs::remove(file_);
  EXPECT_FALSE(try_lock(descriptor, file_));
  std::ofstream(file_) << "";  // another file of the same name
  EXPECT_FALSE(try_lock(descriptor, file_));
  ::close(descriptor);
}

TEST_F(LockTest, FoldersAreLockedToo) {
  const Lock lock(folder_);
  EXPECT_TRUE(lock.held());
  EXPECT_FALSE(Lock(folder_).held());
  EXPECT_FALSE(Lock(folder_ / "none").held());
}

TEST_F(LockTest, SaysWhyItCannotBeMade) {
  LockFile lock(folder_ / "none" / "lock");
  EXPECT_FALSE(lock.is_held());
  try {
    lock.take();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_THAT(error.what(), testing::HasSubstr("none/lock: No such file or directory"));
  }
}

}  // namespace
}  // namespace tekio::test
