// Widths of texts, where lines are broken, and what the environment says of colour and columns.
#include "terminal.h"
#include "support/pseudo_terminal.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cstdlib>

namespace tekio::test {
namespace {

using cli::columns_of;
using cli::folded;
using cli::is_coloured;
using cli::is_terminal;
using cli::terminal_width;

/// A variable of the environment, put back afterwards.
class Setting {
 public:
  Setting(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before, was_set_ = true;
    value == nullptr ? unsetenv(name) : setenv(name, value, 1);
  }
  ~Setting() { was_set_ ? setenv(name_, before_.c_str(), 1) : unsetenv(name_); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
  std::string before_;
  bool was_set_ = false;
};

/// A terminal of so many columns.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) {
    winsize size{};
    size.ws_col = columns, size.ws_row = 24;
    if (openpty(&outer_, &inner_, nullptr, nullptr, &size) != 0) inner_ = -1;
  }
  ~Terminal() { close(outer_), close(inner_); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  int descriptor() const { return inner_; }

 private:
  int outer_ = -1, inner_ = -1;
};

TEST(Terminal, ColumnsAreTheEnvironmentsThenTheTerminals) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  const Terminal terminal(47);
  {
    const Setting columns("COLUMNS", nullptr);
    EXPECT_EQ(terminal_width(terminal.descriptor()), 47);
    EXPECT_EQ(terminal_width(-1), 80);
  }
  for (const auto& [told, width] :
       {std::pair{"33", 33}, std::pair{"0", 47}, std::pair{"-5", 47}, std::pair{"wide", 47}, std::pair{"", 47}}) {
    const Setting columns("COLUMNS", told);
    EXPECT_EQ(terminal_width(terminal.descriptor()), width) << told;
  }
}

TEST(Terminal, ColourFollowsTheEnvironmentThenTheTerminal) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  const Terminal terminal(80);
  const Setting term("TERM", "xterm");
  const auto coloured = [](int descriptor, const char* no_colour, const char* forced) {
    const Setting no("NO_COLOR", no_colour), force("FORCE_COLOR", forced);
    return is_coloured(descriptor);
  };
  EXPECT_TRUE(coloured(terminal.descriptor(), nullptr, nullptr));
  EXPECT_FALSE(coloured(-1, nullptr, nullptr));
  EXPECT_FALSE(coloured(terminal.descriptor(), "1", nullptr));
  EXPECT_FALSE(coloured(terminal.descriptor(), "1", "1")) << "NO_COLOR wins";
  EXPECT_TRUE(coloured(terminal.descriptor(), "", nullptr)) << "empty is not set";
  EXPECT_TRUE(coloured(-1, nullptr, "1"));
  EXPECT_FALSE(coloured(-1, nullptr, ""));
  EXPECT_FALSE(coloured(terminal.descriptor(), nullptr, "0"));
  const Setting dumb("TERM", "dumb");
  EXPECT_FALSE(is_terminal(terminal.descriptor()));
  EXPECT_FALSE(coloured(terminal.descriptor(), nullptr, nullptr));
}

TEST(Terminal, TextIsMeasuredInColumns) {
  EXPECT_EQ(columns_of(""), 0);
  EXPECT_EQ(columns_of("12.90 ± 0.31 ·"), 14);
  EXPECT_EQ(columns_of("料理"), 4);
  EXPECT_EQ(columns_of("e\u0301"), 1) << "a combining accent";
  EXPECT_EQ(columns_of("😀"), 2);
  EXPECT_EQ(columns_of("\xff\xfe"), 2) << "bytes that are no UTF-8";
  EXPECT_EQ(columns_of("\xe2\x94"), 1) << "a character cut short";
}

TEST(Terminal, LinesAreBrokenAtBlanks) {
  EXPECT_EQ(folded(" data     short", 20, 10), " data     short");
  EXPECT_EQ(folded(" data     cooking · 3,444 rows · 12 chunks", 22, 10),
            " data     cooking ·\n          3,444 rows ·\n          12 chunks");
  EXPECT_EQ(folded("perplexity 12.90 ± 0.31 (-54 %)", 19, 2), "perplexity\n  12.90 ± 0.31\n  (-54 %)");
  EXPECT_EQ(folded("to /a/path/that/is/too/long today", 12, 2), "to\n  /a/path/that/is/too/long\n  today");
  EXPECT_EQ(folded("料理 料理 料理", 9, 0), "料理 料理\n料理");
  EXPECT_EQ(folded("word   ", 3, 0), "word\n");
  EXPECT_EQ(folded("     ", 3, 0), "     ");
}

}  // namespace
}  // namespace tekio::test
