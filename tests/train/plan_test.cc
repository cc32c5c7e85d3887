// The arithmetic that speed is measured by, at DistilBERT-base's size.
#include "train/plan.h"

#include <gtest/gtest.h>

#include "train/checkpoint_writer.h"

namespace tekio::test {
namespace {

ModelConfig distilbert_base() {
  ModelConfig config;
  config.vocabulary = 30522;
  config.width = config.embedding_width = 768;
  config.layers = 6;
  config.heads = 12;
  config.inner = 3072;
  config.max_positions = 512;
  return config;
}

TEST(Plan, CountsWhatTrainingOnAChunkNeeds) {
  const ModelConfig config = distilbert_base();
  // Everything for everyone: six layers of 12 C^2 weights, attention's 2 T C a layer, and the head, 6 operations each.
  const double c = 768;
  const double all = 6 * (6 * 12 * c * c + 6 * 2 * 128 * c + c * c + c * 30522);
  EXPECT_DOUBLE_EQ(flops_per_chunk(config, 128, 1), 128 * all);
  EXPECT_NEAR(flops_per_chunk(config, 128, 1) / 128e6, 406.1, 0.05);
  // Masked rows only where that is exact.
  EXPECT_NEAR(flops_per_chunk(config, 128, 0.15) / 128e6, 252.4, 0.05);
}

TEST(Plan, CountsKeysAndValuesOfTheLastLayerForAll) {
  ModelConfig config = distilbert_base();
  config.layers = 1;
  EXPECT_DOUBLE_EQ(flops_per_chunk(config, 10, 0), 10 * 6 * 2 * 768.0 * 768.0);
}

TEST(Plan, CountsTheCheckpointsThatLieThereAtATime) {
  const ModelConfig config = distilbert_base();
  TrainingOptions o;
  o.num_train_epochs = 5;
  const auto checkpoints = [&] { return disk_plan(config, o, Schedule(o, 640)).checkpoints; };
  EXPECT_EQ(checkpoints(), 5);
  o.save_total_limit = 1;
  EXPECT_EQ(checkpoints(), 2) << "the new one is whole before the old one goes";
  o.load_best_model_at_end = true;
  EXPECT_EQ(checkpoints(), 3) << "the best one stays too";
  o.save_total_limit = 9;
  EXPECT_EQ(checkpoints(), 5) << "no more than are ever written";
  o.save_strategy = Interval::steps;
  o.save_steps = 7;
  o.save_total_limit = 0;
  EXPECT_EQ(checkpoints(), 8) << "after updates 7, 14, ... 49 and the last, 50";
  o.save_strategy = Interval::no;
  EXPECT_EQ(checkpoints(), 0);
  const DiskPlan none = disk_plan(config, o, Schedule(o, 640));
  EXPECT_EQ(none.total(), none.model_bytes);
  EXPECT_NEAR(static_cast<double>(none.model_bytes), 66985530 * 4.0, 2e6);
  EXPECT_NEAR(static_cast<double>(none.checkpoint_bytes), 3 * 66985530 * 4.0, 2e6);
}

TEST(Plan, TellsWhereMemoryIsTooSmall) {
  EXPECT_EQ(memory_shortage(8'000'000'000, 8'000'000'000), "");
  EXPECT_EQ(memory_shortage(8'000'000'000, std::nullopt), "");
  EXPECT_EQ(memory_shortage(8'000'000'000, 7'900'000'000),
            "the run needs 8.0 GB of memory, but 7.9 GB is available: take a smaller per_device_train_batch_size with "
            "more gradient_accumulation_steps and a smaller per_device_eval_batch_size, or a smaller chunk_size");
}

TEST(Plan, RanksOfOneMachineShareItsMemory) {
  MemoryPlan plan;
  plan.add("weights", 3'000'000'000);
  plan.add("exchange", 1'000'000'000);
  plan.add("checkpoint copy", 9'000'000'000);  // is made where there is room
  EXPECT_EQ(memory_shortage(plan, 4'000'000'000, {}), "");
  EXPECT_EQ(memory_shortage(plan, 8'000'000'000, {.all = 8, .here = 2}), "");
  EXPECT_EQ(memory_shortage(plan, std::nullopt, {.all = 8, .here = 8}), "");
  EXPECT_EQ(memory_shortage(plan, 7'900'000'000, {.all = 8, .here = 2}),
            "the 2 ranks on this machine need 4.0 GB of memory each, but 7.9 GB is available to all of them: start "
            "fewer with more threads each, or take a smaller per_device_train_batch_size with more "
            "gradient_accumulation_steps");
  EXPECT_EQ(memory_shortage(plan, 3'900'000'000, {}), memory_shortage(4'000'000'000, 3'900'000'000));
  plan.add("collected moments", 500'000'000);  // the first one's
  EXPECT_EQ(memory_shortage(plan, 8'500'000'000, {.all = 8, .here = 2}), "");
  EXPECT_NE(memory_shortage(plan, 8'499'999'999, {.all = 8, .here = 2}), "");
}

TEST(Plan, TellsWhereCheckpointsHaveNoRoom) {
  const DiskPlan disk{.model_bytes = 1'000'000'000, .checkpoint_bytes = 3'000'000'000, .checkpoints = 5};
  EXPECT_EQ(disk.shortage(4, 12'000'000'000), "");
  EXPECT_EQ(disk.shortage(4, std::nullopt), "");
  EXPECT_EQ(disk.shortage(0, 0), "");
  EXPECT_EQ(disk.shortage(4, 11'900'000'000),
            "the checkpoints to come (4 of 3.0 GB) need more than the 11.9 GB that are free: make room, or pass "
            "save_total_limit or save_strategy no");
}

TEST(Plan, CopiesForCheckpointsWhereThereIsRoomToSpare) {
  const ModelConfig config = distilbert_base();
  const int64_t bytes = CheckpointWriter::copy_bytes(config);
  EXPECT_EQ(bytes, 3 * ParameterSet::bytes(config));
  EXPECT_TRUE(CheckpointWriter::copy_fits(config, std::nullopt));
  EXPECT_TRUE(CheckpointWriter::copy_fits(config, bytes + (256 << 20)));
  EXPECT_FALSE(CheckpointWriter::copy_fits(config, bytes + (256 << 20) - 1));
}

}  // namespace
}  // namespace tekio::test
