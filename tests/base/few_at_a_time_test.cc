#include "base/few_at_a_time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace tekio::test {
namespace {

TEST(FewAtATime, DoesAllOfThemAndNeverMoreAtATime) {
  for (const size_t count : {0u, 1u, 3u, 200u}) {
    std::vector<std::atomic<int>> done(count);
    std::atomic<int> now = 0, peak = 0, workers = 0;
    few_at_a_time(count, 4, [&] {
      ++workers;
      return [&](size_t i) {
        const int running = ++now;
        int before = peak;
        while (before < running && !peak.compare_exchange_weak(before, running)) {}
        ++done[i];
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        --now;
      };
    });
    for (const auto& times : done) EXPECT_EQ(times, 1);
    EXPECT_LE(peak, 4);
    EXPECT_LE(workers, 4);
    EXPECT_GE(workers, count == 0 ? 0 : 1);
  }
}

TEST(FewAtATime, TellsOfTheFirstThatFailedWhicheverItWasInTime) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> begun = 0;
    try {
      few_at_a_time(1'000, 3, [&] {
        return [&](size_t i) {
          ++begun;
          if (i == 10) std::this_thread::sleep_for(std::chrono::milliseconds(5));
          if (i >= 10) throw std::runtime_error(std::to_string(i));
        };
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "10");
    }
    EXPECT_LE(begun, 13) << "nothing is begun after it";
  }
}

TEST(FewAtATime, TellsWhyNobodyCanWork) {
  EXPECT_THROW(few_at_a_time(2, 2, []() -> NumberedWork { throw std::runtime_error("no"); }), std::runtime_error);
}

}  // namespace
}  // namespace tekio::test
