#include "serve/run_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/scratch_folder.h"

namespace tekio::serve {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RunEventsTest : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text, std::ios::openmode mode = std::ios::trunc) const {
    const std::filesystem::path path = folder_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary | mode) << text;
  }
  static std::string entry(int step) { return "{\"eval_loss\":2.5,\"step\":" + std::to_string(step) + "}"; }
  static std::string event(int step) { return "event: evaluation\ndata: " + entry(step) + "\n\n"; }
  void write_state(const std::string& folder, int step, const std::string& entries) const {
    write(folder + "trainer_state.json",
          "{\"global_step\":" + std::to_string(step) + ",\"log_history\":[" + entries + "]}");
  }
  void append(const std::string& file, const std::string& text) const { write(file, text, std::ios::app); }

  const test::ScratchFolder scratch_;
  const std::filesystem::path folder_ = scratch_.path() / "run";
};

TEST_F(RunEventsTest, SendsUpdatesOnceTheirLinesAreWhole) {
  RunEvents events(folder_);
  EXPECT_EQ(events.next(), "");  // the folder comes later
  write("metrics.jsonl", "{\"step\":1}\n{\"step\":2}\n{\"st");
  EXPECT_EQ(events.next(), "event: update\ndata: {\"step\":1}\n\nevent: update\ndata: {\"step\":2}\n\n");
  EXPECT_EQ(events.next(), "");
  append("metrics.jsonl", "ep\":3}\n");
  EXPECT_EQ(events.next(), "event: update\ndata: {\"step\":3}\n\n");
  EXPECT_EQ(events.next(), "");
}

TEST_F(RunEventsTest, BeginsAnewWhereAnotherRunTookTheFolder) {
  RunEvents events(folder_);
  write("metrics.jsonl", "{\"step\":1}\n{\"step\":2}\n");
  events.next();
  write("metrics.jsonl", "{\"step\":1}\n");
  EXPECT_EQ(events.next(), "event: again\ndata: {}\n\nevent: update\ndata: {\"step\":1}\n\n");
}

TEST_F(RunEventsTest, SendsEvaluationsOfTheNewestCheckpointAndThenOfTheRun) {
  RunEvents events(folder_);
  write_state("checkpoint-9/", 9, entry(9) + ",{\"loss\":1,\"step\":9}");
  EXPECT_EQ(events.next(), event(9));
  write_state("checkpoint-18/", 18, entry(9) + "," + entry(18));
  EXPECT_EQ(events.next(), event(18));
  EXPECT_EQ(events.next(), "");
  write_state("", 20, entry(9) + "," + entry(18) + "," + entry(20));
  EXPECT_EQ(events.next(), event(20));
  EXPECT_EQ(events.next(), "");
}

TEST_F(RunEventsTest, ARunThatIsResumedHasANewerRecordInItsCheckpoint) {
  RunEvents events(folder_);
  write_state("checkpoint-20/", 20, entry(20));
  write_state("", 20, entry(20));
  EXPECT_EQ(events.next(), event(20));
  write_state("checkpoint-100/", 100, entry(20) + "," + entry(100));
  EXPECT_EQ(events.next(), event(100));
  write_state("", 110, entry(20) + "," + entry(100) + "," + entry(110));
  EXPECT_EQ(events.next(), event(110));
}

TEST_F(RunEventsTest, SendsEvaluationsAgainWhereAnotherRunTookTheFolder) {
  RunEvents events(folder_);
  write("metrics.jsonl", "{\"step\":1}\n{\"step\":2}\n");
  write_state("checkpoint-2/", 2, entry(1) + "," + entry(2));
  EXPECT_EQ(events.next(),
            "event: update\ndata: {\"step\":1}\n\nevent: update\ndata: {\"step\":2}\n\n" + event(1) + event(2));
  write("metrics.jsonl", "{\"step\":1}\n");
  EXPECT_EQ(events.next(), "event: again\ndata: {}\n\nevent: update\ndata: {\"step\":1}\n\n" + event(1) + event(2));
  EXPECT_EQ(events.next(), "");
}

TEST_F(RunEventsTest, PassesOverWhatIsNoRecord) {
  RunEvents events(folder_);
  write("trainer_state.json", "{\"log_history\": [");
  write("checkpoint-x/trainer_state.json", "{}");
  EXPECT_EQ(events.next(), "");
  write("trainer_state.json", "{\"log_history\": [1, {\"eval_loss\": 1}, {\"eval_loss\": 1, \"step\": \"2\"}]}  ");
  EXPECT_EQ(events.next(), "");
  std::filesystem::create_directories(folder_ / "metrics.jsonl");
  EXPECT_EQ(events.next(), "");
}

TEST_F(RunEventsTest, ReadsPrompts) {
  EXPECT_THAT(prompts_of(folder_), IsEmpty());
  write("options.json", R"({"prompts": ["a [MASK].", 3, "b"]})");
  EXPECT_THAT(prompts_of(folder_), ElementsAre("a [MASK].", "b"));
  write("options.json", R"(["prompts"])");
  EXPECT_THAT(prompts_of(folder_), IsEmpty());
}

TEST(RunEvents, WhatARunTellsComesBeforeItIsRecorded) {
  const test::ScratchFolder folder;
  folder.write("metrics.jsonl", "");
  const auto told = std::make_shared<ToldEvaluations>();
  RunEvents events(folder / "", told);
  told->add({{"step", 5}, {"loss", 2.0}});
  told->add({{"step", 10}, {"eval_loss", 1.5}});
  EXPECT_EQ(events.next(), "event: evaluation\ndata: {\"eval_loss\":1.5,\"step\":10}\n\n");
  EXPECT_EQ(events.next(), "");
  folder.write("trainer_state.json", R"({"log_history": [{"step": 10, "eval_loss": 1.5}]})");
  EXPECT_EQ(events.next(), "") << "it was sent already";
  told->add({{"step", 20}, {"eval_loss", 1.25}});
  EXPECT_EQ(events.next(), "event: evaluation\ndata: {\"eval_loss\":1.25,\"step\":20}\n\n");
}

}  // namespace
}  // namespace tekio::serve
