// What stands on stderr, on a terminal and in a file, and that --quiet silences it.
#include "terminal_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "base/log.h"
#include "support/pseudo_terminal.h"
#include "terminal.h"

namespace tekio::test {
namespace {

using cli::columns_of;
using cli::is_bar_shown;
using cli::report_error;
using cli::set_quiet;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class TerminalLogTest : public testing::Test {
 protected:
  void SetUp() override { cli::log_to_stderr(); }
  void TearDown() override { set_log_sink(nullptr); }
};

/// What `action` prints on stderr where that is a file.
template <typename Action>
std::string printed(Action action) {
  testing::internal::CaptureStderr();
  action();
  return testing::internal::GetCapturedStderr();
}

/// What it prints where stderr is a terminal of so many columns, without colour.
template <typename Action>
std::string drawn(Action action, unsigned short columns = 100) {
  int terminal = -1, program = -1;
  winsize size{};
  size.ws_col = columns;
  if (openpty(&terminal, &program, nullptr, nullptr, &size) != 0) return "no terminal";
  setenv("TERM", "xterm", 1);
  setenv("NO_COLOR", "1", 1);
  unsetenv("COLUMNS");
  std::string text;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t got; (got = read(terminal, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(got));
  });
  fflush(stderr);
  const int before = dup(2);
  dup2(program, 2);
  close(program);
  action();
  fflush(stderr);
  dup2(before, 2);
  close(before);  // the last end of the terminal's program side is gone: the reader ends
  reader.join();
  close(terminal);
  return text;
}

TEST_F(TerminalLogTest, LinesGoToStderr) {
  EXPECT_EQ(printed([] { note("a line"); }), "a line\n");
  EXPECT_EQ(printed([] { warn("a thing"); }), "tekio: warning: a thing\n");
  EXPECT_EQ(printed([] { report_error("a cause"); }), "tekio: a cause\n");
}

TEST_F(TerminalLogTest, LinesAreBrokenOnANarrowTerminalOnly) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  const std::string line = " before   perplexity 18.85 ± 1.62 · accuracy 45.82 %";
  EXPECT_EQ(drawn([&] { note(line); }, 40), " before   perplexity 18.85 ± 1.62 ·\r\n          accuracy 45.82 %\r\n");
  EXPECT_EQ(printed([&] { note(line); }), line + "\n");
  EXPECT_EQ(drawn([] { warn("a sentence that is long"); }, 30), "tekio: warning: a sentence\r\n  that is long\r\n");
}

TEST_F(TerminalLogTest, QuietSilencesNotesAndBarsAndNoWarning) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  set_quiet(true);
  const std::string text = drawn([] {
    note("a");
    warn("b");
    Progress progress("c", 1, "tokens");
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    progress.update(1, 1);
  });
  set_quiet(false);
  EXPECT_EQ(text, "tekio: warning: b\r\n");
}

TEST_F(TerminalLogTest, WarningsAreColouredWhereThatIsWanted) {
  setenv("FORCE_COLOR", "1", 1);
  unsetenv("NO_COLOR");
  EXPECT_EQ(printed([] { warn("b"); }), "tekio: warning: \033[33mb\033[0m\n");
  setenv("NO_COLOR", "1", 1);
  EXPECT_EQ(printed([] { warn("b"); }), "tekio: warning: b\n");
  unsetenv("FORCE_COLOR");
}

TEST_F(TerminalLogTest, ATerminalThatIsGoneEndsNothing) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  int terminal = -1, program = -1;
  ASSERT_EQ(openpty(&terminal, &program, nullptr, nullptr, nullptr), 0);
  fflush(stderr);
  const int before = dup(2);
  dup2(program, 2);
  close(program);
  close(terminal);
  EXPECT_NO_THROW(note("nobody hears"));
  EXPECT_NO_THROW(warn("nobody hears"));
  dup2(before, 2);
  close(before);
}

TEST_F(TerminalLogTest, SaysNothingToAFileBeforeSomeSecondsHavePassed) {
  EXPECT_EQ(printed([] {
              Progress progress("training", 10, "tokens");
              for (int i = 1; i <= 10; ++i) progress.update(i, i);
            }),
            "");
}

TEST_F(TerminalLogTest, DrawsABarOnATerminalAndClearsIt) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  const std::string text = drawn([] {
    Progress progress("training", 4, "tokens");
    progress.update(1, 100);  // within the first tenth of a second: not drawn
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    EXPECT_FALSE(is_bar_shown());
    progress.update(2, 123456, "loss 2.61");
    EXPECT_TRUE(is_bar_shown());
    note("a line between");
    EXPECT_FALSE(is_bar_shown());
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    progress.update(3, 300000, "", 75.0);
  });
  EXPECT_THAT(text, Not(HasSubstr("1/4")));
  EXPECT_THAT(text,
              AllOf(HasSubstr("training ━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌ 2/4 · "), HasSubstr(" tokens/s · loss 2.61 · 0:00 left")));
  EXPECT_THAT(text, HasSubstr("\r\033[Ka line between\r\n"));  // the bar is cleared before the line
  EXPECT_THAT(text, EndsWith("· 1:15 left\r\033[K"));
}

TEST_F(TerminalLogTest, WritesBytesInUnitsOfThese) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  const std::string text = drawn([] {
    Progress progress("fetching", 2'000'000'000, Progress::kBytes);
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    progress.update(500'000'000, 500'000'000, "", 75.0);
  });
  EXPECT_THAT(text, HasSubstr("fetching ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 500 MB of 2.0 GB · "));
  EXPECT_THAT(text, HasSubstr(" GB/s · 1:15 left"));
}

TEST_F(TerminalLogTest, FitsTheTerminal) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  for (const unsigned short columns : {100, 70, 60, 50, 40, 30, 16, 5, 1}) {
    const std::string text = drawn(
        [] {
          Progress progress(" training", 12345, "tokens");
          std::this_thread::sleep_for(std::chrono::milliseconds(101));
          progress.update(6789, 123456, "loss 2.613", 3723);
        },
        columns);
    const size_t begin = text.find("\033[K") + 3, end = text.rfind("\r\033[K");
    ASSERT_LE(begin, end) << text;
    const std::string bar = text.substr(begin, end - begin);
    EXPECT_LT(columns_of(bar), columns) << bar;
    EXPECT_EQ(bar.find("tokens/s") != std::string::npos, columns >= 60) << bar;
    EXPECT_EQ(bar.find("1:02:03 left") != std::string::npos, columns >= 40) << bar;
    EXPECT_EQ(text.find('\n'), std::string::npos);
  }
}

TEST_F(TerminalLogTest, OneOfSeveralProcessesSaysOnlyWhyItEnds) {
  cli::set_silent();
  EXPECT_EQ(printed([] {
              note("a");
              warn("b");
              report_error("c");
            }),
            "tekio: c\n");
  set_quiet(false);
}

}  // namespace
}  // namespace tekio::test
