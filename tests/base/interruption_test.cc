// Who asks is asked by loops on its own thread, the innermost one alone, and what it throws comes out.
#include "base/interruption.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/thread_pool.h"

namespace tekio::test {
namespace {

struct Pressed {};

TEST(Interruption, IsAskedOfTheInnermostOfItsThread) {
  int outer = 0, inner = 0;
  check_interruption();
  {
    const Interruptible first([&] { ++outer; });
    check_interruption();
    {
      const Interruptible second([&] { ++inner; });
      check_interruption();
      std::thread([] { check_interruption(); }).join();
    }
    {
      const Interruptible nobody({});
      check_interruption();
    }
    check_interruption();
  }
  check_interruption();
  EXPECT_EQ(outer, 2);
  EXPECT_EQ(inner, 1);
}

TEST(Interruption, EndsALoopOfThreadsThatGoOnWorking) {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    std::atomic<int64_t> done = 0;
    {
      const Interruptible call([&] {
        if (done > 100) throw Pressed();
      });
      EXPECT_THROW(pool.for_each(100'000'000, [&](int64_t, int) { ++done; }), Pressed);
    }
    EXPECT_LT(done, 100'000'000);
    done = 0;
    pool.for_each(1000, [&](int64_t, int) { ++done; });
    EXPECT_EQ(done, 1000);
  }
}

}  // namespace
}  // namespace tekio::test
