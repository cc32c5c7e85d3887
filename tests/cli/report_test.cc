// tekio report: the page that it leaves, alone and for several runs, what it prints, what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.h"

namespace tekio::test {
namespace {

using testing::HasSubstr, testing::Not;
namespace fs = std::filesystem;

class ReportCommand : public testing::Test {
 protected:
  std::string adapted(const std::string& name, const std::vector<std::string>& more = {}) {
    std::string text;
    for (int i = 0; i < 60; ++i)
      text += "the film was a great deal longer than it had to be, and nobody seemed to mind.\n";
    std::vector<std::string> arguments = {"adapt",
                                          "--model",
                                          model_folder(),
                                          "--data",
                                          folder_.write("film.txt", text),
                                          "--chunk_size",
                                          "16",
                                          "--max_steps",
                                          "3",
                                          "--per_device_train_batch_size",
                                          "4",
                                          "--save_strategy",
                                          "no",
                                          "--prompt",
                                          "a [MASK].",
                                          "--no_cache",
                                          "--output_dir",
                                          folder_ / name};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result result = run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return folder_ / name;
  }
  ScratchFolder folder_;
};

TEST_F(ReportCommand, IsThereAfterEveryRunAndTheSameOnDemand) {
  const std::string folder = adapted("run");
  const std::string page = read_file(folder + "/report.html");
  EXPECT_THAT(page, HasSubstr("Perplexity on this text"));
  EXPECT_THAT(page, HasSubstr("Which words"));
  EXPECT_THAT(page, HasSubstr("a [MASK]."));
  const Result again = run({"report", folder});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out, folder + "/report.html\n");
  EXPECT_EQ(read_file(folder + "/report.html"), page);
  const Result elsewhere = run({"report", folder, "--output", folder_ / "page.html"});
  EXPECT_EQ(elsewhere.out, folder_ / "page.html" + "\n");
  EXPECT_EQ(read_file(folder_ / "page.html"), page);
}

TEST_F(ReportCommand, ComparesRuns) {
  const std::string one = adapted("one"), other = adapted("other", {"--learning_rate", "0.001"});
  EXPECT_THAT(run({"report", one, other}).err, HasSubstr("--output is missing"));
  const Result result = run({"report", one, other, "--output", folder_ / "both.html"});
  EXPECT_EQ(result.code, 0) << result.err;
  const std::string page = read_file(folder_ / "both.html");
  EXPECT_THAT(page, HasSubstr("2 runs compared"));
  EXPECT_THAT(page, HasSubstr("learning_rate"));
  const Result table = run({"report", one, "--csv", folder_ / "m.csv"});
  EXPECT_EQ(table.code, 0) << table.err;
  const std::string csv = read_file(folder_ / "m.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 3 + 2) << csv;
  const Result tables = run({"report", one, other, "--csv", folder_ / "both.csv"});
  EXPECT_EQ(tables.code, 0) << tables.err;
  EXPECT_EQ(tables.out, folder_ / "both.csv" + "\n");
  EXPECT_THAT(read_file(folder_ / "both.csv"), HasSubstr("other,1,"));
  const Result json = run({"report", one, other, "--json"});
  ASSERT_EQ(json.code, 0) << json.err;
  ASSERT_EQ(json.json()["runs"].size(), 2);
  EXPECT_EQ(json.json()["runs"][1]["options"]["learning_rate"], 0.001);
}

TEST_F(ReportCommand, RefusesInASentence) {
  const std::string folder = adapted("run");
  folder_.write("damaged/run.json", "{");
  for (const auto& [arguments, code, part] : std::vector<std::tuple<std::vector<std::string>, int, std::string>>{
           {{"report"}, 2, "no run is named"},
           {{"report", folder_ / "absent"}, 4, "there is no run folder"},
           {{"report", model_folder()}, 3, "holds no run.json"},
           {{"report", folder_ / "damaged"}, 3, "run.json"},
           {{"report", folder, "--output", folder_ / "absent/page.html"}, 4, "absent"}}) {
    const Result result = run(arguments);
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

}  // namespace
}  // namespace tekio::test
