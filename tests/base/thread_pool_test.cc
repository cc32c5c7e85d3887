// Every index once, whatever the number of threads; exceptions come out; loops follow one another safely.
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace tekio::test {
namespace {

class ThreadPoolTest : public testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, CallsEveryIndexOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.threads(), GetParam());
  for (const int64_t count : {0, 1, 2, 3, 7, 1000}) {
    std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
    std::atomic<int> bad_workers = 0;
    pool.for_each(count, [&](int64_t i, int worker) {
      ++calls[static_cast<size_t>(i)];
      if (worker < 0 || worker >= pool.threads()) ++bad_workers;
    });
    for (const auto& c : calls) EXPECT_EQ(c, 1);
    EXPECT_EQ(bad_workers, 0);
  }
  pool.for_each(-5, [](int64_t, int) { FAIL(); });
}

TEST_P(ThreadPoolTest, AWorkerNumberIsNeverInTwoBodiesAtOnce) {
  ThreadPool pool(GetParam());
  std::vector<int64_t> sums(static_cast<size_t>(pool.threads()));  // unguarded on purpose
  for (int loop = 0; loop < 200; ++loop)
    pool.for_each(100, [&](int64_t i, int worker) { sums[static_cast<size_t>(worker)] += i; });
  EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), int64_t{0}), 200 * 4950);
}

TEST_P(ThreadPoolTest, ThrowsTheFirstExceptionAndGoesOnWorking) {
  ThreadPool pool(GetParam());
  for (int loop = 0; loop < 20; ++loop) {
    std::atomic<int> calls = 0;
    try {
      pool.for_each(1'000'000, [&](int64_t i, int) {
        ++calls;
        if (i == 3) throw std::runtime_error("at 3");
      });
      ADD_FAILURE();
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "at 3");
    }
    EXPECT_LT(calls, 1'000'000);  // the rest is not begun
    std::atomic<int64_t> sum = 0;
    pool.for_each(10, [&](int64_t i, int) { sum += i; });
    EXPECT_EQ(sum, 45);
  }
}
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 5));

TEST(ThreadPool, WakesAfterAPause) {
  ThreadPool pool(3);
  for (int loop = 0; loop < 3; ++loop) {
    std::atomic<int> calls = 0;
    pool.for_each(50, [&](int64_t, int) { ++calls; });
    EXPECT_EQ(calls, 50);
    struct timespec pause {
      0, 20'000'000
    };  // longer than workers spin
    nanosleep(&pause, nullptr);
  }
}

TEST(ThreadPool, AForkedProcessNeitherWaitsForThreadsNorNeedsThem) {
  auto pool = std::make_unique<ThreadPool>(4);
  pool->for_each(100, [](int64_t, int) {});
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(20);  // ends it, should it hang
    pool.reset();
    std::atomic<int64_t> sum = 0;
    ThreadPool(3).for_each(100, [&](int64_t i, int) { sum += i; });
    ::_exit(sum == 4950 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ThreadPool, TakesWhatTheMachineAllows) {
  EXPECT_GE(available_processors(), 1);
  EXPECT_EQ(ThreadPool().threads(), available_processors());
}

TEST(ThreadPool, WorkersTakeNoSignals) {
  ThreadPool pool(2);
  std::atomic<int> blocked{0}, asked{0};
  for (int trial = 0; trial < 200 && asked == 0; ++trial)
    pool.for_each(64, [&](int64_t, int worker) {
      if (worker == 0) return std::this_thread::sleep_for(std::chrono::microseconds(50));
      sigset_t mask;
      pthread_sigmask(SIG_BLOCK, nullptr, &mask);
      ++asked;
      blocked +=
          sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGSEGV) == 0;
    });
  EXPECT_GT(asked, 0);
  EXPECT_EQ(blocked, asked);
}

}  // namespace
}  // namespace tekio::test
