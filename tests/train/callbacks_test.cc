// What a program may have a say in: each callback comes when the header says so, and what it asks for is done.
#include <gmock/gmock.h>

#include "support/local_ranks.h"
#include "tiny.h"
#include "train/on_ranks.h"

namespace tekio::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Callbacks : public TinyRun {
 protected:
  /// Ten updates; an evaluation, an entry and a checkpoint after the fifth and the tenth.
  TrainingOptions of_run(const std::string& name = "run") const { return options(name); }
  std::vector<int64_t> checkpoints(const std::string& run = "run") const {
    std::vector<int64_t> steps;
    for (int64_t step = 1; step <= 10; ++step)
      if (fs::exists(folder_ / run / ("checkpoint-" + std::to_string(step)))) steps.push_back(step);
    return steps;
  }
  Json history(const std::string& run = "run") const {
    return json(folder_ / run / "trainer_state.json")["log_history"];
  }
};

TEST_F(Callbacks, AnUpdateIsToldAsItWas) {
  TrainingOptions o = of_run();
  std::vector<UpdatePoint> seen;
  std::vector<std::string> asked;
  const auto note = [&](const char* occasion, const UpdatePoint& update, const RunControl& control) {
    if (control.evaluate || control.save || control.log)
      asked.push_back(occasion + std::to_string(update.step) + (control.log ? "l" : "") +
                      (control.evaluate ? "e" : "") + (control.save ? "s" : ""));
  };
  o.on_update = [&](const UpdatePoint& update, RunControl& control) {
    seen.push_back(update);
    note("update ", update, control);
  };
  o.on_epoch_end = [&](const UpdatePoint& update, RunControl& control) {
    EXPECT_EQ(update.step, seen.back().step);
    note("epoch ", update, control);
  };
  adapt_fresh(o);
  const std::vector<Json> metrics = lines(folder_ / "run" / "metrics.jsonl");
  ASSERT_EQ(seen.size(), 10u);
  ASSERT_EQ(metrics.size(), 10u);
  int64_t tokens = 0;
  for (size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].step, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(seen[i].steps, 10);
    EXPECT_EQ(metrics[i]["loss"], seen[i].loss);
    EXPECT_EQ(metrics[i]["grad_norm"], seen[i].grad_norm);
    EXPECT_EQ(metrics[i]["learning_rate"], seen[i].learning_rate);
    EXPECT_EQ(metrics[i]["epoch"], seen[i].epoch);
    EXPECT_EQ(metrics[i]["seconds"], seen[i].seconds);
    EXPECT_EQ(seen[i].tokens, tokens += metrics[i]["tokens"].get<int64_t>());
  }
  EXPECT_THAT(asked, ElementsAre("epoch 5les", "epoch 10les"));
  o.logging_steps = 5;
  o.save_strategy = Interval::steps;
  o.save_steps = 4;
  o.output_dir = (folder_ / "by updates").string();
  asked.clear();
  adapt_fresh(o);
  EXPECT_THAT(asked, ElementsAre("update 4s", "update 5l", "epoch 5e", "update 8s", "update 10l", "epoch 10es"))
      << "the last checkpoint is to hold the evaluation";
}

TEST_F(Callbacks, OneThatAsksForNothingChangesNothing) {
  TrainingOptions o = of_run("with");
  o.on_update = o.on_epoch_end = [](const UpdatePoint&, RunControl&) {};
  o.on_evaluation = [](const EvaluationPoint&, RunControl&) {};
  o.on_log = [](const std::string&) {};
  o.on_save = [](const std::string&, int64_t) {};
  o.on_phase = [](RunPhase, int64_t) {};
  o.should_stop = [] { return 0; };
  adapt_fresh(o);
  adapt_fresh(of_run("without"));
  for (const char* file :
       {"model.safetensors", "checkpoint-5/model.safetensors", "checkpoint-10/optimizer.safetensors"})
    EXPECT_TRUE(bytes(folder_ / "with" / file) == bytes(folder_ / "without" / file)) << file;
}

TEST_F(Callbacks, WhatFollowsAnUpdateMayBeAskedForAndCalledOff) {
  TrainingOptions o = of_run();
  std::vector<int64_t> evaluated;
  o.on_update = [](const UpdatePoint& update, RunControl& control) {
    control = {.log = update.step == 2, .evaluate = update.step == 3, .save = update.step == 4};
  };
  o.on_epoch_end = [](const UpdatePoint&, RunControl& control) { control = {}; };
  o.on_evaluation = [&](const EvaluationPoint& point, RunControl& control) {
    evaluated.push_back(point.step);
    control.save = true;
  };
  const AdaptReport r = adapt_fresh(o);
  EXPECT_THAT(evaluated, ElementsAre(3));
  EXPECT_EQ(r.evaluations.size(), 1u);
  EXPECT_THAT(checkpoints(), ElementsAre(3, 4));
  std::vector<int64_t> steps;
  for (const Json& entry : history()) steps.push_back(entry["step"]);
  EXPECT_THAT(steps, ElementsAre(2, 3, 10)) << "update 2's entry, the evaluation's, the run's";
}

TEST_F(Callbacks, TrainingStopsWhereOneHasHadEnough) {
  for (const bool after_evaluation : {false, true}) {
    const std::string name = after_evaluation ? "evaluation" : "update";
    TrainingOptions o = of_run(name);
    if (after_evaluation)
      o.on_evaluation = [](const EvaluationPoint&, RunControl& control) { control.stop = true; };
    else
      o.on_update = [](const UpdatePoint& update, RunControl& control) { control.stop = update.step == 5; };
    const AdaptReport r = adapt_fresh(o);
    EXPECT_EQ(r.steps, 5);
    EXPECT_EQ(r.stopped, 0) << "it ended";
    EXPECT_EQ(r.after.loss, r.evaluations.back().evaluation.loss);
    EXPECT_TRUE(fs::exists(folder_ / name / "model.safetensors"));
    EXPECT_THAT(checkpoints(name), ElementsAre(5));
  }
}

TEST_F(Callbacks, WhereTrainingStopsWithinAnEpochThatIsItsEnd) {
  TrainingOptions o = of_run();
  o.on_update = [](const UpdatePoint& update, RunControl& control) { control.stop = update.step == 3; };
  std::vector<int64_t> ends;
  o.on_epoch_end = [&](const UpdatePoint& update, RunControl&) { ends.push_back(update.step); };
  const AdaptReport r = adapt_fresh(o);
  EXPECT_THAT(ends, ElementsAre(3));
  EXPECT_THAT(checkpoints(), ElementsAre(3));
  ASSERT_EQ(r.evaluations.size(), 1u);
  EXPECT_EQ(r.evaluations.front().step, 3);
}

TEST_F(Callbacks, EveryEntryOfTheHistoryIsTold) {
  TrainingOptions o = of_run();
  o.logging_steps = 2;
  o.eval_masking = EvalMasking::fresh;
  Json told = Json::array();
  o.on_log = [&](const std::string& entry) { told.push_back(Json::parse(entry)); };
  adapt_fresh(o);
  EXPECT_EQ(told, history());
  ASSERT_GT(told.size(), 7u);
  EXPECT_TRUE(told.back().contains("train_loss")) << "what is evaluated after training is no part of its history";
}

TEST_F(Callbacks, ACheckpointIsWholeWhenItIsTold) {
  TrainingOptions o = of_run();
  std::vector<int64_t> saved;
  o.on_save = [&](const std::string& folder, int64_t step) {
    EXPECT_EQ(folder, (folder_ / "run" / ("checkpoint-" + std::to_string(step))).string());
    EXPECT_TRUE(fs::exists(fs::path(folder) / "training_state.json"));
    saved.push_back(step);
  };
  adapt_fresh(o);
  EXPECT_THAT(saved, ElementsAre(5, 10));
}

TEST_F(Callbacks, PhasesComeInTheirOrder) {
  TrainingOptions o = of_run();
  std::string phases;
  o.on_phase = [&](RunPhase phase, int64_t step) {
    phases += "suef"[static_cast<int>(phase)];
    if (phase != RunPhase::updating) phases += std::to_string(step) + " ";
  };
  adapt_fresh(o);
  EXPECT_EQ(phases, "s0 e0 uuuuue5 uuuuue10 f10 ");
}

TEST_F(Callbacks, TheModelMayBeUsedInAllThatSaysSo) {
  TrainingOptions o = of_run();
  MaskedLM m = model();
  int calls = 0;
  const auto fill = [&] { calls += FillMask(m, tokenizer())("aa bb [MASK] ah").size() == 5; };
  o.on_update = [&](const UpdatePoint& update, RunControl&) {
    if (update.step % 4 == 0) fill();
  };
  o.on_log = [&](const std::string&) { fill(); };
  o.on_save = [&](const std::string&, int64_t) { fill(); };
  adapt(m, tokenizer(), split(), o);
  EXPECT_EQ(calls, 2 + 5 + 2);
  adapt_fresh(of_run("plain"));
  EXPECT_TRUE(bytes(folder_ / "run" / "model.safetensors") == bytes(folder_ / "plain" / "model.safetensors"));
}

TEST_F(Callbacks, OfSeveralProcessesTheFirstIsAskedAndAllObey) {
  TrainingOptions o = of_run();
  std::vector<int> called(2);
  run_ranks(2, [&](Communicator& all) {
    TrainingOptions own = o;
    own.per_device_train_batch_size = 4;
    int& calls = called[static_cast<size_t>(all.rank())];
    own.on_update = [&](const UpdatePoint& update, RunControl& control) {
      ++calls;
      control.evaluate = update.step == 2;
      control.stop = update.step == 3;
    };
    own.on_epoch_end = [&](const UpdatePoint&, RunControl& control) { control.evaluate = false; };
    MaskedLM m = model();
    const AdaptReport r = adapt(m, tokenizer(), split(), own, all);
    EXPECT_EQ(r.steps, 3);
    EXPECT_EQ(r.evaluations.size(), 1u);
  });
  EXPECT_THAT(called, ElementsAre(3, 0));
}

TEST_F(Callbacks, AnEvaluationMayBeStopped) {
  const MaskedLM m = model();
  int asked = 0;
  const EvaluationReport stopped =
      evaluate(m, tokenizer(), split().test, {.batch_size = 4, .should_stop = [&] { return ++asked == 2 ? 7 : 0; }});
  EXPECT_EQ(stopped.stopped, 7);
  EXPECT_EQ(stopped.masked_tokens, 0);
  EXPECT_EQ(asked, 2) << "once said is enough";
  const EvaluationReport whole =
      evaluate(m, tokenizer(), split().test, {.batch_size = 4, .should_stop = [] { return 0; }});
  EXPECT_EQ(whole.stopped, 0);
  EXPECT_EQ(whole.loss, evaluate(m, tokenizer(), split().test, {.batch_size = 4}).loss);
}

}  // namespace
}  // namespace tekio::test
