// Tasks beside their owner: one at a time, in order, with their errors brought home.
#include "base/worker_thread.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <vector>

namespace tekio::test {
namespace {

TEST(WorkerThread, DoesTasksBesideItsOwner) {
  WorkerThread thread;
  thread.wait();  // nothing is under way
  std::atomic<bool> go{false};
  int done = 0;
  thread.begin([&] {
    while (!go) std::this_thread::yield();
    ++done;
  });
  EXPECT_TRUE(thread.is_busy());
  go = true;
  thread.wait();
  EXPECT_FALSE(thread.is_busy());
  EXPECT_EQ(done, 1);
  for (int i = 0; i < 100; ++i) {
    thread.begin([&] { ++done; });
    thread.wait();
  }
  EXPECT_EQ(done, 101);
}

TEST(WorkerThread, ThrowsWhatTheTaskThrewOnceAndGoesOn) {
  WorkerThread thread;
  thread.begin([] { throw std::runtime_error("disk full"); });
  try {
    thread.wait();
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "disk full");
  }
  thread.wait();
  int done = 0;
  thread.begin([&] { ++done; });
  thread.wait();
  EXPECT_EQ(done, 1);
}

TEST(WorkerThread, EndsOnlyWhenItsTaskHas) {
  std::atomic<bool> done{false};
  {
    WorkerThread thread;
    thread.begin([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      done = true;
    });
  }
  EXPECT_TRUE(done);
  WorkerThread failing;
  failing.begin([] { throw std::runtime_error("nobody looks"); });
}

TEST(WorkerThread, TakesNoSignals) {
  WorkerThread thread;
  sigset_t blocked;
  sigemptyset(&blocked);
  thread.begin([&] { pthread_sigmask(SIG_BLOCK, nullptr, &blocked); });
  thread.wait();
  EXPECT_TRUE(sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGINT));
  EXPECT_FALSE(sigismember(&blocked, SIGSEGV));
}

TEST(MadeAhead, GivesAllInOrderWhoeverMakesThem) {
  int made = 0;
  std::vector<std::thread::id> makers;
  MadeAhead<int> ahead([&] {
    makers.push_back(std::this_thread::get_id());
    if (++made == 5) throw std::runtime_error("the fifth");
    return made;
  });
  EXPECT_EQ(ahead.take(), 1);
  ahead.begin();
  EXPECT_TRUE(ahead.has_begun());
  EXPECT_EQ(ahead.take(), 2);
  EXPECT_FALSE(ahead.has_begun());
  EXPECT_EQ(ahead.take(), 3);
  ahead.begin();
  EXPECT_EQ(ahead.take(), 4);
  ahead.begin();
  EXPECT_THROW(ahead.take(), std::runtime_error);
  EXPECT_EQ(ahead.take(), 6);
  const auto own = std::this_thread::get_id();
  EXPECT_EQ(makers[0], own);
  EXPECT_NE(makers[1], own);
  EXPECT_EQ(makers[2], own);
  EXPECT_EQ(makers[3], makers[1]);  // one thread for all
  ahead.begin();                    // and left: nothing hangs
}

}  // namespace
}  // namespace tekio::test
