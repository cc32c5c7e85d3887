// What is shown on a terminal fits it: plans, lists and tables on standard output. Elsewhere lines stay whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "program.h"
#include "support/pseudo_terminal.h"
#include "terminal.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class Width : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory_symlink(model_folder(), folder_ / "a-model-with-a-name-that-is-rather-long");
    start_.environment = {{"TEKIO_CACHE", folder_ / "cache"}, {"TERM", "xterm"}, {"NO_COLOR", "1"}, {"COLUMNS", ""}};
    start_.folder = folder_.path();
  }
  /// What the terminal shows, line by line.
  std::vector<std::string> shown(const std::vector<std::string>& arguments, unsigned short columns) {
    Start start = start_;
    start.terminal = columns;
    start.output_to_terminal = true;
    const Result result = run(arguments, start);
    EXPECT_EQ(result.code, 0) << result.err;
    std::vector<std::string> lines(1);
    for (const char c : result.err) {
      if (c == '\n')
        lines.emplace_back();
      else if (c != '\r')
        lines.back() += c;
      if (lines.back().ends_with("\033[K")) lines.back().clear();  // a bar that made room
    }
    return lines;
  }
  /// None is wider than the terminal, but for a single word that is.
  void expect_fits(const std::vector<std::string>& arguments, unsigned short columns) {
    for (const std::string& line : shown(arguments, columns)) {
      const size_t begin = line.find_first_not_of(' ');
      if (begin != std::string::npos && line.find(' ', begin) == std::string::npos) continue;
      EXPECT_LE(cli::columns_of(line), columns) << line;
    }
  }
  static std::string all(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }

  const ScratchFolder folder_;
  const std::string text_ = folder_.write("notes.txt", sentences(60));
  Start start_;
};

TEST_F(Width, ThePlanOfADryRunFolds) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  const std::vector<std::string> plan = {"adapt",     "--model",      model_folder(), "--data",    "notes.txt",
                                         "--dry_run", "--chunk_size", "16",           "--no_cache"};
  const Result piped = run(plan, start_);
  ASSERT_EQ(piped.code, 0) << piped.err;
  EXPECT_THAT(piped.out, HasSubstr(" train "));
  for (const unsigned short columns : {40, 60, 80}) {
    SCOPED_TRACE(columns);
    expect_fits(plan, columns);
  }
  EXPECT_GT(shown(plan, 40).size(), shown(plan, 200).size());
}

TEST_F(Width, TheListOfBundledCorporaFolds) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  for (const unsigned short columns : {40, 60, 100}) {
    SCOPED_TRACE(columns);
    expect_fits({"data", "list"}, columns);
  }
}

TEST_F(Width, TheTableOfEvalGivesNamesLessRoom) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  const std::vector<std::string> two = {"eval",       "--model",      "a-model-with-a-name-that-is-rather-long",
                                        "--model",    model_folder(), "--data",
                                        "notes.txt",  "--chunk_size", "16",
                                        "--no_cache", "--quiet"};
  for (const unsigned short columns : {50, 64, 70, 80}) {
    SCOPED_TRACE(columns);
    expect_fits(two, columns);
  }
  EXPECT_THAT(all(shown(two, 64)), HasSubstr("1  …ather-long "));
  EXPECT_THAT(all(shown(two, 80)), HasSubstr("1  …name-that-is-rather-long"));
  EXPECT_THAT(run(two, start_).out, HasSubstr("1  …name-that-is-rather-long"));
  expect_fits({"eval", "--model", model_folder(), "--data", "notes.txt", "--chunk_size", "16", "--no_cache", "--quiet"},
              50);
}

TEST_F(Width, TheListOfTheCacheFolds) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  ASSERT_EQ(run({"data", "chunks", "notes.txt", "--model", model_folder(), "--chunk_size", "16"}, start_).code, 0);
  expect_fits({"cache", "list"}, 40);
  EXPECT_THAT(all(shown({"cache", "list"}, 40)), HasSubstr("\n    " + text_ + "\n"));
  EXPECT_THAT(run({"cache", "list"}, start_).out, Not(HasSubstr("\n    ")));
}

}  // namespace
}  // namespace tekio::test
