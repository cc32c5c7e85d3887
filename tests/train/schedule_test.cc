// Learning rates against the reference's, bit by bit; counts of updates and what follows which.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "train/schedule.h"

namespace tekio::test {
namespace {

TrainingOptions base() {
  TrainingOptions o;
  o.output_dir = "run";
  return o;
}

TEST(ScheduleTest, RatesEqualTheReferencesToTheLastBit) {
  int compared = 0;
  for (const Json& golden : read_json(TEKIO_GOLDEN_DIR "/train/schedules.json")) {
    TrainingOptions o = base();
    const auto& all = lr_schedulers();
    const auto named =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.first == golden["lr_scheduler_type"]; });
    ASSERT_NE(named, all.end()) << golden["lr_scheduler_type"];
    o.lr_scheduler_type = named->second;
    o.learning_rate = golden["learning_rate"].get<double>();
    o.warmup_steps = golden["warmup_steps"].get<int64_t>();
    o.max_steps = golden["updates"].get<int64_t>();
    const Schedule schedule(o, 1000);
    for (int64_t step = 0; step < o.max_steps; ++step, ++compared)
      EXPECT_EQ(schedule.learning_rate(step),
                std::strtod(golden["rates"][static_cast<size_t>(step)].get<std::string>().c_str(), nullptr))
          << name_of(o.lr_scheduler_type) << " " << step;
  }
  EXPECT_GT(compared, 1100);
}

/// By updates or by epochs.
bool logs_after(const Schedule& s, int64_t steps) {
  return s.after_update(steps).log || (s.epoch_ends_after(steps) && s.after_epoch(steps).log);
}
bool saves_after(const Schedule& s, int64_t steps) {
  return s.after_update(steps).save || (s.epoch_ends_after(steps) && s.after_epoch(steps).save);
}

TEST(ScheduleTest, TheWalkthroughsRun) {
  const Schedule s(base(), 10'000);
  EXPECT_EQ(s.plan().batches_per_epoch(), 157);
  EXPECT_EQ(s.updates(), 471);
  EXPECT_EQ(s.epochs(), 3);
  EXPECT_EQ(s.learning_rate(0), 2e-5);
  EXPECT_EQ(s.epoch_after(157), 1.0);
  EXPECT_TRUE(s.evaluates_after(157) && saves_after(s, 314) && logs_after(s, 471));
  EXPECT_FALSE(s.evaluates_after(156) || saves_after(s, 1) || logs_after(s, 158));
}

TEST(ScheduleTest, TheMaskedShareGoesInAStraightLine) {
  TrainingOptions o = base();
  o.max_steps = 4;
  EXPECT_FALSE(Schedule(o, 1000).masking_rate_changes());
  EXPECT_EQ(Schedule(o, 1000).masking_rate(3), 0.15);
  o.initial_mlm_probability = 0.15;
  EXPECT_FALSE(Schedule(o, 1000).masking_rate_changes());
  o.initial_mlm_probability = 0.35;
  for (const auto& [step, rate] : {std::pair{0, 0.35}, {1, 0.30}, {2, 0.25}, {3, 0.20}, {4, 0.15}})
    EXPECT_DOUBLE_EQ(Schedule(o, 1000).masking_rate(step), rate);
  EXPECT_TRUE(Schedule(o, 1000).masking_rate_changes());
  o.whole_word_mask = true;  // then the words' probability counts, until the rule says otherwise
  EXPECT_FALSE(Schedule(o, 1000).masking_rate_changes());
  o.whole_word_rule = WholeWordRule::legacy;
  EXPECT_DOUBLE_EQ(Schedule(o, 1000).masking_rate(1), 0.30);
  o.whole_word_rule = WholeWordRule::words;
  o.initial_wwm_probability = 0.1;
  EXPECT_DOUBLE_EQ(Schedule(o, 1000).masking_rate(2), 0.15);  // rising to 0.2
}

TEST(ScheduleTest, AnEpochsLastUpdateTakesWhatIsLeft) {
  TrainingOptions o = base();
  o.per_device_train_batch_size = 4;
  o.gradient_accumulation_steps = 3;
  const Schedule s(o, 18);  // 5 micro-batches: 3 + 2
  EXPECT_EQ(s.updates_per_epoch(), 2);
  EXPECT_EQ(s.updates(), 6);
  EXPECT_EQ(s.update(0).batches, 3);
  EXPECT_EQ(s.update(3).batches, 2);
  EXPECT_EQ(s.update(3).first_batch, 3);
  EXPECT_EQ(s.update(3).epoch, 1);
  EXPECT_DOUBLE_EQ(s.epoch_after(1), 0.6);
  EXPECT_DOUBLE_EQ(s.epoch_after(4), 2);
}

TEST(ScheduleTest, FractionalEpochsAndMaxSteps) {
  TrainingOptions o = base();
  o.num_train_epochs = 1.5;
  EXPECT_EQ(Schedule(o, 640).updates(), 15);
  EXPECT_EQ(Schedule(o, 640).epochs(), 2);
  EXPECT_TRUE(Schedule(o, 640).evaluates_after(15));  // where a run ends, its epoch does
  o.max_steps = 25;
  EXPECT_EQ(Schedule(o, 640).updates(), 25);
  EXPECT_EQ(Schedule(o, 640).epochs(), 3);
}

TEST(ScheduleTest, IntervalsInUpdatesAndShares) {
  TrainingOptions o = base();
  o.max_steps = 25;
  o.eval_strategy = o.save_strategy = Interval::steps;
  o.logging_steps = 10;
  o.save_steps = 0.3;  // ceil(7.5)
  const Schedule s(o, 640);
  EXPECT_EQ(s.evaluate_every(), 10);  // eval_steps 0: logging_steps
  EXPECT_EQ(s.save_every(), 8);
  EXPECT_TRUE(logs_after(s, 20) && s.evaluates_after(20) && saves_after(s, 16));
  EXPECT_FALSE(logs_after(s, 25));
  EXPECT_TRUE(s.evaluates_after(25) && saves_after(s, 25));  // the last update always counts
  o.eval_strategy = Interval::no;
  EXPECT_FALSE(Schedule(o, 640).evaluates_after(25));
}

TEST(ScheduleTest, ACheckpointHoldsWhatFollowsTheEpoch) {
  TrainingOptions o = base();
  o.eval_strategy = Interval::epoch;
  o.save_strategy = Interval::steps;
  o.save_steps = 5;
  const Schedule s(o, 640);  // 10 updates an epoch
  EXPECT_TRUE(s.after_update(5).save && !s.after_update(10).save && s.after_epoch(10).save);
  o.eval_strategy = Interval::no;
  o.logging_steps = 5;
  const Schedule by_updates(o, 640);
  EXPECT_TRUE(by_updates.after_update(10).save && !by_updates.after_epoch(10).save);
}

TEST(ScheduleTest, WhatIsStillToComeIsCountedAsItComes) {
  for (const Interval strategy : {Interval::no, Interval::steps, Interval::epoch})
    for (const double every : {0.0, 1.0, 4.0, 25.0, 100.0})
      for (const int64_t updates : {1, 7, 20, 25}) {
        TrainingOptions o = base();
        o.max_steps = updates;
        o.eval_strategy = o.save_strategy = strategy;
        o.eval_steps = every;
        o.save_steps = std::max(1.0, every);
        const Schedule s(o, 640);  // 10 updates an epoch
        int64_t evaluations = 0, saves = 0;
        for (int64_t step = updates; step >= 0; --step) {
          EXPECT_EQ(s.evaluations_left(step), evaluations) << every << " " << updates << " " << step;
          EXPECT_EQ(s.saves_left(step), saves) << every << " " << updates << " " << step;
          evaluations += s.evaluates_after(step) && step > 0;
          saves += saves_after(s, step) && step > 0;
        }
      }
}

TEST(ScheduleTest, WarmupStepsWinOverTheRatio) {
  TrainingOptions o = base();
  o.max_steps = 25;
  o.warmup_ratio = 0.1;
  EXPECT_EQ(Schedule(o, 640).warmup(), 3);
  o.warmup_steps = 5;
  EXPECT_EQ(Schedule(o, 640).warmup(), 5);
}

TEST(ScheduleTest, NothingToTrainOnIsAnInputError) {
  try {
    Schedule(base(), 0);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
  }
}

TEST(ScheduleTest, UpdatesBeyondCountingAreAUsageError) {
  TrainingOptions o = base();
  o.num_train_epochs = 1e9;
  o.per_device_train_batch_size = 1;
  try {
    Schedule(o, int64_t{1} << 40);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
  }
}

}  // namespace
}  // namespace tekio::test
