// What a training run shows, and how it answers: lines and bars on terminals of all widths, signals, hang-ups, and that
// the numbers it tells are those of what it did.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "program.h"
#include "support/pseudo_terminal.h"
#include "terminal.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class TrainingTerminal : public testing::Test {
 protected:
  std::vector<std::string> adapt(std::vector<std::string> more) const {
    std::vector<std::string> all = {"adapt", "--model",    model_folder(), "--chunk_size",
                                    "16",    "--data",     text_,          "--per_device_train_batch_size",
                                    "4",     "--no_cache", "--output_dir", run_};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// One that goes on until it is told to stop.
  std::vector<std::string> endless(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--max_steps", "1000000", "--eval_strategy", "no", "--save_strategy", "no", "--json"});
    return adapt(more);
  }
  Start terminal(unsigned short columns) const {
    return {.environment = {{"TERM", "xterm"}, {"NO_COLOR", "1"}, {"COLUMNS", ""}},
            .folder = folder_.path(),
            .terminal = columns};
  }
  void wait_for_updates() const {
    while (read_file(run_ + "/metrics.jsonl").size() < 500) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  bool has_checkpoint() const {
    for (const auto& entry : fs::directory_iterator(folder_ / "run"))
      if (entry.path().filename().string().starts_with("checkpoint-")) return true;
    return false;
  }
  std::vector<Json> lines_of(const std::string& path) const {
    std::vector<Json> all;
    std::istringstream text(read_file(path));
    for (std::string line; std::getline(text, line);) all.push_back(Json::parse(line));
    return all;
  }

  ScratchFolder folder_;
  const std::string text_ = "text.txt", run_ = folder_ / "run";
  const std::string written_ = folder_.write("text.txt", sentences(60));
  const Start here_ = {.folder = folder_.path()};
};

/// What a terminal shows in the end, and the widest that anything on it was.
struct Screen {
  std::vector<std::string> lines{""};
  int64_t widest = 0;
  int bars = 0;

  explicit Screen(std::string_view text) {
    constexpr std::string_view kClear = "\r\033[K";
    while (!text.empty()) {
      if (text.starts_with(kClear)) {
        lines.back().clear(), text.remove_prefix(kClear.size());
      } else if (text.starts_with("\r\n")) {
        lines.emplace_back(), text.remove_prefix(2);
      } else {
        lines.back() += text.front(), text.remove_prefix(1);
        widest = std::max(widest, cli::columns_of(lines.back()));
        bars += lines.back().ends_with("tokens/s") || lines.back().ends_with(" left");
      }
    }
  }
};

TEST_F(TrainingTerminal, NothingIsWiderThanTheTerminalAndNoBarStays) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  const std::string text = folder_.write("long.txt", sentences(8000));  // an epoch is longer than the bar waits
  for (const unsigned short columns : {60, 80, 132}) {
    fs::remove_all(run_);
    Start start = terminal(columns);
    const Result result = run(adapt({"--data", text, "--max_steps", "600", "--logging_steps", "200", "--prompt",
                                     "the [MASK] of", "--output_dir", "run"}),
                              start);
    ASSERT_EQ(result.code, 0) << result.err;
    const Screen screen(result.err);
    EXPECT_LE(screen.widest, columns) << result.err;
    EXPECT_GT(screen.bars, 0) << "the test needs a run that draws";
    for (const std::string& line : screen.lines) {
      EXPECT_EQ(line.find("left"), std::string::npos) << line;
      EXPECT_EQ(line.find("\033"), std::string::npos) << line;
    }
    EXPECT_EQ(screen.lines.back(), "");
  }
}

TEST_F(TrainingTerminal, NothingIsDrawnWhereThereIsNoTerminal) {
  const Result result = run(adapt({"--max_steps", "400"}), here_);
  ASSERT_EQ(result.code, 0);
  EXPECT_EQ(result.err.find('\r'), std::string::npos);
  EXPECT_EQ(result.err.find('\033'), std::string::npos);
}

TEST_F(TrainingTerminal, CtrlCIsAnsweredAtOnceAndSaves) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  Running running(endless(), terminal(60));
  ASSERT_TRUE(running.wait_for("before"));
  wait_for_updates();
  running.type("\x03");
  ASSERT_TRUE(running.wait_for("Ctrl-C again quits without saving"));
  const Result result = running.finish();
  EXPECT_EQ(result.code, 130) << result.err;
  EXPECT_THAT(result.err, ContainsRegex(" stopping once update [0-9]+ is saved\r\n"));
  EXPECT_THAT(result.err, HasSubstr(" stopped  by SIGINT after update "));
  EXPECT_LE(Screen(result.err).widest, 60);
  EXPECT_TRUE(has_checkpoint());
  EXPECT_TRUE(result.json()["stopped"]);
}

TEST_F(TrainingTerminal, ASecondCtrlCQuits) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  folder_.write("long.txt", sentences(4000));
  // An update of many seconds, of which the first signal waits for the end.
  Running running(endless({"--data", "long.txt", "--device", "ref", "--per_device_train_batch_size", "3000",
                           "--validation_file", "text.txt"}),
                  terminal(80));
  ASSERT_TRUE(running.wait_for("before"));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  running.type("\x03");
  ASSERT_TRUE(running.wait_for(" stopping "));
  running.type("\x03");
  EXPECT_EQ(running.finish().code, 1000 + SIGINT);
}

TEST_F(TrainingTerminal, QuietRunsAreStoppedWithoutAWord) {
  Running running(endless({"--quiet"}), here_);
  while (!fs::exists(run_ + "/metrics.jsonl")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  wait_for_updates();
  running.signal(SIGINT);
  const Result result = running.finish();
  EXPECT_EQ(result.code, 130);
  EXPECT_EQ(result.err, "");
}

TEST_F(TrainingTerminal, AHangUpSavesHoweverOftenItComes) {
  Running running(endless(), here_);
  ASSERT_TRUE(running.wait_for("before"));
  wait_for_updates();
  for (int i = 0; i < 20; ++i) running.signal(SIGHUP);
  const Result result = running.finish();
  EXPECT_EQ(result.code, 129) << result.err;
  EXPECT_THAT(result.err, HasSubstr(" stopped  by SIGHUP after update "));
  EXPECT_TRUE(has_checkpoint());
}

TEST_F(TrainingTerminal, ATerminalThatIsClosedSavesToo) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  Running running(endless(), terminal(80));
  ASSERT_TRUE(running.wait_for("before"));
  wait_for_updates();
  running.hang_up();
  EXPECT_EQ(running.finish().code, 129);
  EXPECT_TRUE(has_checkpoint());
}

TEST_F(TrainingTerminal, NohupIsKept) {
  Running running(adapt({"--max_steps", "400"}), {.folder = folder_.path(), .nohup = true});
  ASSERT_TRUE(running.wait_for("before"));
  running.signal(SIGHUP);
  const Result result = running.finish();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("SIGHUP")));
}

TEST_F(TrainingTerminal, TheOpeningBlockSaysWhatWillBeDone) {
  const std::string config = folder_.write("c.toml", "learning_rate = 0.001\n");
  const Result result =
      run(adapt({"--num_train_epochs", "0.5", "--gradient_accumulation_steps", "2", "--config", config,
                 "--warmup_ratio", "0.25", "--lr_scheduler_type", "cosine", "--general_data", "text.txt"}),
          here_);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err,
              ContainsRegex("\n train    [0-9]+ steps · 0.5[0-9]* epochs · batch 4 × 2 · learning rate 0.001, cosine "
                            "after [0-9]+ steps? of warm-up\n"));
  EXPECT_THAT(result.err, HasSubstr("\n defaults " + config + ", then Tekio's (tekio adapt --help shows them)\n"));
  EXPECT_THAT(result.err, ContainsRegex("\n general  text.txt · [0-9]+ chunks to evaluate on before and after\n"));
  EXPECT_LT(result.err.find(" defaults "), result.err.find(" before   "));
}

TEST_F(TrainingTerminal, AShareOfAnEpochIsToldAsThat) {
  const Result result = run(adapt({"--max_steps", "3"}), here_);
  ASSERT_EQ(result.code, 0) << result.err;
  const double share = lines_of(run_ + "/metrics.jsonl").back()["epoch"].get<double>();
  ASSERT_LT(share, 0.5);
  std::string text = fmt::format("{:.2f}", share);
  if (text.ends_with('0')) text.pop_back();
  EXPECT_THAT(result.err, HasSubstr(fmt::format("\n epoch {} of {} · step 3 · loss ", text, text)));
  EXPECT_THAT(result.err, HasSubstr("\n train    3 steps · " + text + " epochs · "));
}

TEST_F(TrainingTerminal, LoggingStepsShowsLines) {
  const auto logged = [&](std::vector<std::string> more) {
    fs::remove_all(run_);
    more.insert(more.begin(), {"--max_steps", "10"});
    const Result result = run(adapt(more), here_);
    EXPECT_EQ(result.code, 0) << result.err;
    int64_t count = 0;
    for (size_t at = 0; (at = result.err.find("\n step ", at)) != std::string::npos; ++at) ++count;
    return std::pair(count, result.err);
  };
  const auto [count, text] = logged({"--logging_steps", "2"});
  EXPECT_EQ(count, 5) << text;
  EXPECT_THAT(text, ContainsRegex("\n step 4 · epoch 0.[0-9]+ · loss [0-9.]+ · gradient norm [0-9.e-]+ · "
                                  "learning rate 1.4e-05\n"));
  const std::vector<Json> metrics = lines_of(run_ + "/metrics.jsonl");
  const double mean = (metrics[2]["loss"].get<double>() * metrics[2]["masked"].get<double>() +
                       metrics[3]["loss"].get<double>() * metrics[3]["masked"].get<double>()) /
                      (metrics[2]["masked"].get<double>() + metrics[3]["masked"].get<double>());
  EXPECT_THAT(text, HasSubstr(fmt::format("\n step 4 · epoch {:.2f} · loss {:#.4g} ·",
                                          metrics[3]["epoch"].get<double>(), mean)));
  EXPECT_EQ(logged({"--logging_steps", "0.5"}).first, 2) << "a share of all updates";
  EXPECT_EQ(logged({}).first, 0) << "the evaluation's line says it";
  EXPECT_EQ(logged({"--eval_strategy", "no"}).first, 1) << "where nothing is evaluated, the epoch's end";
  EXPECT_EQ(logged({"--logging_steps", "2", "--quiet"}).first, 0);
}

TEST_F(TrainingTerminal, MeanLossesAreOverMaskedTokens) {
  std::string words;
  for (const char* word : {"license", "work", "copy", "software"})
    for (int i = 0; i < 30; ++i) words += std::string(word) + "\n";
  folder_.write("short.txt", words);
  const Result result = run({"adapt", "--model", model_folder(), "--data", "short.txt", "--validation_file",
                             "short.txt", "--line_by_line", "--per_device_train_batch_size", "1", "--max_steps", "100",
                             "--trace", "t", "--no_cache", "--output_dir", run_, "--json"},
                            here_);
  ASSERT_EQ(result.code, 0) << result.err;
  double weighted = 0, masked = 0;
  int64_t without = 0;
  for (const Json& line : lines_of(folder_ / "t")) {
    double count = 0;
    for (const Json& batch : line["batches"]) count += batch["masked"].get<double>();
    weighted += line["loss"].get<double>() * count;
    masked += count;
    without += count == 0;
  }
  ASSERT_GT(without, 0);
  const Json train = result.json()["train"];
  EXPECT_NEAR(train["loss"].get<double>(), weighted / masked, 1e-9);
  EXPECT_EQ(train["steps_without_masked_tokens"], without);
  EXPECT_NEAR(Json::parse(read_file(run_ + "/train_results.json"))["train_loss"].get<double>(), weighted / masked,
              1e-9);
  const std::string told =
      fmt::format("tekio: warning: {} of 100 updates had no masked token and taught nothing", without);
  EXPECT_THAT(result.err, HasSubstr(told));
  EXPECT_EQ(result.err.find("no masked token"), result.err.rfind("no masked token")) << "once";
}

TEST_F(TrainingTerminal, AWarningIsSaidToQuietRunsToo) {
  const Result result = run(adapt({"--chunk_size", "100000", "--max_steps", "1", "--quiet", "--data",
                                   folder_.write("more.txt", sentences(2000))}),
                            here_);
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, StartsWith("tekio: warning: "));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST_F(TrainingTerminal, HelpBeginsWithTheOptionsThatMatterMost) {
  for (const auto& [command, first] : {std::pair{"adapt", "--model"}, std::pair{"pretrain", "--config_name"}}) {
    const std::string help = run({command, "--help"}).out;
    const size_t begin = help.find("\nThe options that matter most\n"), end = help.find("\n\n", begin + 1);
    ASSERT_NE(begin, std::string::npos);
    EXPECT_EQ(help.find("\n  -"), help.find("\n  -", begin)) << "nothing stands before them";
    const std::string lead = help.substr(begin, end - begin);
    for (const char* name :
         {first, "--data", "--output_dir", "--text_column_name", "--chunk_size", "--num_train_epochs",
          "--per_device_train_batch_size", "--learning_rate", "--prompt", "--dry_run"}) {
      const auto stands = [&](const std::string& text) {  // at a line's beginning, behind its letter perhaps
        for (const char* behind : {" ", "\n"})
          if (text.find(fmt::format("\n  {}{}", name, behind)) != std::string::npos ||
              text.find(fmt::format(", {}{}", name, behind)) != std::string::npos)
            return true;
        return false;
      };
      EXPECT_TRUE(stands(lead)) << name;
      EXPECT_FALSE(stands(help.substr(end))) << name << " stands twice";
    }
  }
}

}  // namespace
}  // namespace tekio::test
