// Other processes: a second run in the same folder, one that was killed, and one that cuts a file short while it is
// read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Neighbours : public testing::Test {
 protected:
  // A run that does not end by itself.
  std::vector<std::string> adapt(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"adapt",
                                    "--model",
                                    model_folder(),
                                    "--data",
                                    text_,
                                    "--chunk_size",
                                    "16",
                                    "--per_device_train_batch_size",
                                    "8",
                                    "--max_steps",
                                    "1000000",
                                    "--eval_strategy",
                                    "no",
                                    "--save_strategy",
                                    "steps",
                                    "--save_steps",
                                    "10",
                                    "--output_dir",
                                    run_};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  void wait_for_update() const {
    while (read_file(run_ + "/metrics.jsonl").size() < 500) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

  ScratchFolder folder_;
  const std::string run_ = folder_ / "run";
  const std::string text_ = folder_.write("text.txt", sentences(60));
  const Start start_ = {.environment = {{"TEKIO_CACHE", folder_ / "cache"}}};
};

TEST_F(Neighbours, TwoRunsDoNotShareAFolder) {
  Running first(adapt(), start_);
  ASSERT_TRUE(first.wait_for("before"));
  for (const auto& remedy :
       std::vector<std::vector<std::string>>{{}, {"--overwrite_output_dir"}, {"--resume_from_checkpoint"}}) {
    const Result second = run(adapt(remedy), start_);
    EXPECT_EQ(second.code, 2);
    EXPECT_THAT(second.err, AllOf(HasSubstr("--output_dir " + run_), HasSubstr("is in use: another run writes into it"),
                                  testing::Not(HasSubstr(" data "))))
        << "told before the work";
  }
  first.signal(SIGKILL);
  EXPECT_EQ(first.finish().code, 1000 + SIGKILL);
  const Result after = run(adapt({"--overwrite_output_dir", "--max_steps", "1"}), start_);
  EXPECT_EQ(after.code, 0) << after.err;
  for (const auto& entry : fs::directory_iterator(run_))
    EXPECT_NE(entry.path().filename().string().front(), '.') << entry.path() << ": nothing of the killed run stays";
}

TEST_F(Neighbours, ATokenStoreThatIsCutShortEndsTheRunWithASentence) {
  Running running(adapt(), start_);
  ASSERT_TRUE(running.wait_for("before"));
  wait_for_update();
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "cache"))
    if (entry.path().extension() == ".tokens") fs::resize_file(entry.path(), 0);
  const Result result = running.finish();
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, AllOf(HasSubstr("tekio: cannot read " + folder_ / "cache/tokens/"),
                                HasSubstr(".tokens: it was cut short, or its disk failed, while it was read; run again "
                                          "when nothing writes to it\n")));
  const Result again = run(adapt({"--overwrite_output_dir", "--max_steps", "1"}), start_);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("is damaged: 0 bytes are less than a header"));
}

}  // namespace
}  // namespace tekio::test
