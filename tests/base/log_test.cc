// What the library says, and to whom; how numbers and times are written.
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/silence.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

using testing::EndsWith;

TEST(Log, NobodyHearsWhereNobodyAsked) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  EXPECT_FALSE(progress_is_shown());
  note("a line");
  warn("a thing");
  {
    Progress progress("work", 2, "tokens");
    std::this_thread::sleep_for(std::chrono::milliseconds(101));
    progress.update(1, 1);
  }
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Log, ASinkGetsLinesUntilAnotherIsSet) {
  const LogCapture outer;
  note("one");
  {
    const LogCapture inner;
    warn("two");
    EXPECT_EQ(inner.text(), "warning: two\n");
  }
  note("three");
  EXPECT_EQ(outer.text(), "one\nthree\n");
}

TEST(Log, TheSinkBeforeIsGivenBack) {
  struct Deaf final : LogSink {
    void line(LogLevel, std::string_view) override {}
  };
  const auto deaf = std::make_shared<Deaf>();
  EXPECT_EQ(set_log_sink(deaf), nullptr);
  EXPECT_FALSE(progress_is_shown()) << "nothing is measured for it";
  EXPECT_EQ(set_log_sink(nullptr), deaf);
}

TEST(Log, WhatASinkThrowsEndsNothing) {
  struct Throws final : LogSink {
    void line(LogLevel, std::string_view) override { throw std::runtime_error("the disk is full"); }
    void progress(const ProgressPoint&) override { throw std::runtime_error("the disk is full"); }
    bool wants_progress() const override { return true; }
  };
  set_log_sink(std::make_shared<Throws>());
  EXPECT_NO_THROW(note("a line"));
  EXPECT_NO_THROW({
    Progress progress("work", 1, "tokens");
    std::this_thread::sleep_for(std::chrono::milliseconds(101));
    progress.update(1, 1);
  });
  set_log_sink(nullptr);
}

TEST(Log, SilenceIsOfOneThread) {
  const LogCapture log;
  {
    const Silence silence;
    warn("unheard");
    std::thread([] { warn("of another thread"); }).join();
    { const Silence within; }
    note("unheard as well");
  }
  warn("afterwards");
  EXPECT_THAT(log.text(), testing::Not(testing::HasSubstr("unheard")));
  EXPECT_THAT(log.text(), testing::HasSubstr("of another thread"));
  EXPECT_THAT(log.text(), testing::HasSubstr("afterwards"));
}

TEST(Log, ThreadsMaySpeakWhileASinkIsSet) {
  const LogCapture log;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int line = 0; line < 200; ++line) note("a line");
    });
  for (int i = 0; i < 50; ++i) const LogCapture other;
  for (std::thread& thread : threads) thread.join();
  const std::string text = log.text();
  EXPECT_EQ(text.size() % std::string("a line\n").size(), 0u);
}

TEST(ProgressTest, HasAPointNowAndThenAndALastOne) {
  const LogCapture log;
  {
    Progress progress("training", 10, "tokens", 2);
    progress.update(3, 10);  // within the first tenth of a second
    std::this_thread::sleep_for(std::chrono::milliseconds(101));
    progress.update(4, 20, "loss 2.61", 75.0);
    progress.update(5, 30);
  }
  const auto points = log.points();
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].label + points[0].unit + points[0].detail, "trainingtokensloss 2.61");
  const ProgressPoint &first = points[0].numbers, &last = points[1].numbers;
  EXPECT_EQ(first.done, 4);
  EXPECT_EQ(first.total, 10);
  EXPECT_EQ(first.start, 2);
  EXPECT_EQ(first.units, 20);
  EXPECT_EQ(first.seconds_left, 75.0);
  EXPECT_GT(first.seconds, 0.1);
  EXPECT_FALSE(first.ended);
  EXPECT_EQ(last.done, 5);
  EXPECT_TRUE(last.ended);
}

TEST(ProgressTest, WorkThatIsSoonOverHasNone) {
  const LogCapture log;
  {
    Progress progress("training", 10, "tokens");
    for (int i = 1; i <= 10; ++i) progress.update(i, i);
  }
  EXPECT_TRUE(log.points().empty());
}

TEST(Text, Times) {
  EXPECT_EQ(clock_time(0), "0:00");
  EXPECT_EQ(clock_time(-3), "0:00");
  EXPECT_EQ(clock_time(59.6), "1:00");
  EXPECT_EQ(clock_time(75), "1:15");
  EXPECT_EQ(clock_time(4000), "1:06:40");
  EXPECT_EQ(clock_time(360000), "100:00:00");
}

TEST(Text, Numbers) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(with_commas(-123), "-123");
  EXPECT_EQ(counted(0, "row"), "0 rows");
  EXPECT_EQ(counted(1, "row"), "1 row");
  EXPECT_EQ(counted(1234, "row"), "1,234 rows");
  EXPECT_EQ(counted(1, "entry", "entries"), "1 entry");
  EXPECT_EQ(counted(2, "entry", "entries"), "2 entries");
  EXPECT_EQ(with_commas(-1234), "-1,234");
  EXPECT_EQ(with_commas(INT64_MIN), "-9,223,372,036,854,775,808");
}

TEST(Text, Bytes) {
  EXPECT_EQ(bytes_text(0), "0 bytes");
  EXPECT_EQ(bytes_text(999), "999 bytes");
  EXPECT_EQ(bytes_text(1000), "1.0 KB");
  EXPECT_EQ(bytes_text(3221225472), "3.2 GB");
  EXPECT_EQ(bytes_text(268000000), "268 MB");
  EXPECT_EQ(bytes_text(99'960'000), "100 MB");
  EXPECT_EQ(bytes_text(999'960), "1.0 MB");
  EXPECT_EQ(bytes_text(UINT64_MAX), "18446744 TB");
}

TEST(CountedWarningTest, TheFirstAndTheNumber) {
  const auto said = [](int count) {
    CountedWarning warning("lines are empty");
    for (int i = 1; i <= count; ++i) warning.add([&] { return fmt::format("f.txt:{}: an empty line", i); });
    EXPECT_EQ(warning.count(), count);
    const LogCapture log;
    warning.give();
    return log.text();
  };
  EXPECT_EQ(said(0), "");
  EXPECT_THAT(said(1), EndsWith("warning: f.txt:1: an empty line\n"));
  EXPECT_THAT(said(1234), EndsWith("warning: f.txt:1: an empty line (1,234 lines are empty)\n"));
}

}  // namespace
}  // namespace tekio::test
