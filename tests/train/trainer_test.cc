// Whole runs of the tiny model: what they leave behind, that they learn, and that cutting an update otherwise changes
// nothing.
#include <gmock/gmock.h>

#include <cmath>

#include "model/masked_lm.h"
#include "support/log_capture.h"
#include "tiny.h"
#include "train/estimate.h"
#include "train/evaluation.h"
#include "train/report.h"
#include "train/run_folder.h"

namespace tekio::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

using TrainerTest = TinyRun;

/// A run of 20 epochs whose loss falls, and what it is expected to say in its report and its files.
class WholeRun : public TinyRun {
 protected:
  void SetUp() override {
    TinyRun::SetUp();
    TrainingOptions o = options();
    o.num_train_epochs = 20;
    o.learning_rate = 5e-3;
    o.logging_steps = 5;
    o.save_strategy = Interval::no;
    o.prompts = {"ah ao [MASK] bc"};
    report_ = adapt_fresh(o);
    run_ = o.output_dir;
  }

  void expect_report() const {
    const AdaptReport& r = report_;
    EXPECT_EQ(r.steps, 100);
    EXPECT_EQ(r.train_chunks, 40);
    EXPECT_EQ(r.eval_chunks, 12);
    EXPECT_EQ(r.evaluations.size(), 20u);
    EXPECT_LT(r.after.perplexity, r.before.perplexity / 4);  // 600 words, of which 40 occur
    EXPECT_EQ(r.after.loss, r.evaluations.back().evaluation.loss);
    const double known = r.after.accuracy * static_cast<double>(r.after.masked_tokens);
    EXPECT_GE(known, 1);
    EXPECT_DOUBLE_EQ(known, std::round(known));
    EXPECT_EQ(r.evaluations.front().evaluation.perplexity, std::exp(r.evaluations.front().evaluation.loss));
    EXPECT_GT(r.tokens_per_second, 0);
    EXPECT_GE(r.train_seconds, 0);
    EXPECT_EQ(r.stopped, 0);
    ASSERT_EQ(r.prompts.size(), 1u);
    EXPECT_EQ(r.prompts[0].before.size(), 5u);
    EXPECT_EQ(r.prompts[0].after.size(), 5u);
    EXPECT_NE(r.prompts[0].before[0].score, r.prompts[0].after[0].score);
  }

  void expect_results() const {
    for (const char* name : {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
                             "options.json", "metrics.jsonl"})
      EXPECT_TRUE(fs::is_regular_file(run_ / name)) << name;
    EXPECT_THAT(keys(json(run_ / "train_results.json")),
                UnorderedElementsAre("epoch", "total_flos", "train_loss", "train_runtime", "train_samples",
                                     "train_samples_per_second", "train_steps_per_second"));
    EXPECT_THAT(keys(json(run_ / "eval_results.json")),
                IsSupersetOf({"epoch", "eval_accuracy", "eval_loss", "eval_runtime", "eval_samples",
                              "eval_samples_per_second", "eval_steps_per_second", "perplexity"}));
    const Json all = json(run_ / "all_results.json");
    EXPECT_EQ(all["perplexity"].get<double>(), std::exp(all["eval_loss"].get<double>()));
    EXPECT_EQ(all["eval_accuracy"].get<double>(), report_.after.accuracy);
    EXPECT_EQ(all["train_samples"], 40);
    EXPECT_EQ(all["epoch"], 20.0);
    EXPECT_EQ(all["total_flos"].get<double>(), 6.0 * 20 * 40 * 16 * (38840 - 600 * 32 - 24 * 32));
    EXPECT_THAT(bytes(run_ / "all_results.json"), HasSubstr("{\n    \"epoch\""));
    EXPECT_EQ(json(run_ / "options.json")["learning_rate"], 5e-3);
    const Json record = json(run_ / "run.json");
    EXPECT_EQ(record["before"]["perplexity"].get<double>(), report_.before.perplexity);
    EXPECT_EQ(record["after"]["perplexity"].get<double>(), report_.after.perplexity);
    EXPECT_EQ(record["after"]["masked_tokens"], report_.after.masked_tokens);
    EXPECT_EQ(record["evaluations"].size(), report_.evaluations.size());
    EXPECT_EQ(record["data"]["train_chunks"], 40);
    EXPECT_EQ(record["model"]["parameters"], report_.model.parameters);
    const Json& train = record["train"];
    EXPECT_EQ(train["steps"], report_.steps);
    double waited = 0;
    for (const char* part : {"batch_seconds", "evaluation_seconds", "checkpoint_seconds"}) {
      EXPECT_GT(train[part].get<double>(), 0) << part;
      waited += train[part].get<double>();
    }
    EXPECT_LT(waited, train["seconds"].get<double>());
  }

  void expect_trainer_state() const {
    const Json state = json(run_ / "trainer_state.json");
    EXPECT_THAT(keys(state),
                UnorderedElementsAre("best_global_step", "best_metric", "best_model_checkpoint", "epoch", "eval_steps",
                                     "global_step", "is_hyper_param_search", "is_local_process_zero",
                                     "is_world_process_zero", "log_history", "logging_steps", "max_steps",
                                     "num_input_tokens_seen", "num_train_epochs", "save_steps", "stateful_callbacks",
                                     "total_flos", "train_batch_size", "trial_name", "trial_params"));
    EXPECT_EQ(state["global_step"], 100);
    EXPECT_EQ(state["log_history"].size(), 20u + 20u + 1u);
    EXPECT_THAT(keys(state["log_history"][0]),
                UnorderedElementsAre("epoch", "grad_norm", "learning_rate", "loss", "step"));
    EXPECT_EQ(state["log_history"][1]["eval_accuracy"].get<double>(), report_.evaluations.front().evaluation.accuracy);
    EXPECT_EQ(state["log_history"].back()["train_loss"].get<double>(), report_.train_loss);
  }

  void expect_metrics() const {
    const std::vector<Json> metrics = lines(run_ / "metrics.jsonl");
    ASSERT_EQ(metrics.size(), 100u);
    double sum = 0, masked = 0;
    for (const Json& line : metrics) {
      sum += line["loss"].get<double>() * line["masked"].get<double>();
      masked += line["masked"].get<double>();
    }
    EXPECT_NEAR(sum / masked, report_.train_loss, 1e-9);
  }

  AdaptReport report_;
  fs::path run_;
};

TEST_F(WholeRun, LearnsAndLeavesAWholeFolder) {
  expect_report();
  expect_results();
  expect_trainer_state();
  expect_metrics();
  MaskedLM again = MaskedLM::from_pretrained(run_.string(), {.device = "ref"});
  EXPECT_EQ(evaluate(again, Tokenizer::from_pretrained(run_.string()), split().test, {.batch_size = 8}).loss,
            report_.after.loss);
}

TEST_F(TrainerTest, TheCutIntoMicroBatchesChangesNothing) {
  struct Run {
    std::vector<double> losses, norms;
    std::vector<int64_t> masked;
  };
  const auto run = [&](int64_t batch, int64_t accumulate) {
    TrainingOptions o = options("run" + std::to_string(batch));
    o.per_device_train_batch_size = batch;
    o.gradient_accumulation_steps = accumulate;
    o.save_strategy = Interval::no;
    o.trace = (folder_ / ("trace" + std::to_string(batch))).string();
    MaskedLM m = model();
    adapt(m, tokenizer(), split(37, 12), o);  // the last update of an epoch has 5 chunks
    Run r;
    for (const Json& line : lines(o.trace)) {
      r.losses.push_back(line["loss"].get<double>());
      r.norms.push_back(line["grad_norm"].get<double>());
      int64_t masked = 0;
      for (const Json& b : line["batches"]) masked += b["masked"].get<int64_t>();
      r.masked.push_back(masked);
    }
    return r;
  };
  const Run whole = run(8, 1);
  ASSERT_EQ(whole.losses.size(), 10u);
  for (const auto& [batch, accumulate] : {std::pair{4, 2}, std::pair{2, 4}, std::pair{1, 8}}) {
    const Run cut = run(batch, accumulate);
    EXPECT_EQ(cut.masked, whole.masked);
    ASSERT_EQ(cut.losses.size(), whole.losses.size());
    for (size_t i = 0; i < whole.losses.size(); ++i) {
      EXPECT_NEAR(cut.losses[i], whole.losses[i], 2e-6) << batch << " step " << i + 1;
      EXPECT_NEAR(cut.norms[i], whole.norms[i], 2e-5 * whole.norms[i]) << batch << " step " << i + 1;
    }
  }
}

TEST_F(TrainerTest, SumAndMeanAreTheReferencesTwoWays) {
  const auto first_loss = [&](AccumulationLoss kind, int64_t batch, int64_t accumulate) {
    TrainingOptions o = options();
    o.overwrite_output_dir = true;
    o.save_strategy = Interval::no;
    o.per_device_train_batch_size = batch;
    o.gradient_accumulation_steps = accumulate;
    o.accumulation_loss = kind;
    o.max_steps = 1;
    adapt_fresh(o);
    return lines(fs::path(o.output_dir) / "metrics.jsonl").at(0)["loss"].get<double>();
  };
  const double sum = first_loss(AccumulationLoss::sum, 4, 2), mean = first_loss(AccumulationLoss::mean, 4, 2);
  EXPECT_NEAR(sum, 2 * mean, 1e-12);
  EXPECT_NEAR(mean, 6.4, 0.5);
  EXPECT_NE(mean, first_loss(AccumulationLoss::tokens, 4, 2));
  EXPECT_NEAR(first_loss(AccumulationLoss::sum, 8, 1), first_loss(AccumulationLoss::tokens, 8, 1), 1e-12);
}

TEST_F(TrainerTest, TheMaskedShareFallsOverTheRunAndEvaluationsUseTheLastOne) {
  TrainingOptions o = options("constant");
  o.masking_rng = MaskingRng::torch;
  const AdaptReport constant = adapt_fresh(o);
  o.output_dir = (folder_ / "falling").string();
  o.initial_mlm_probability = 0.9;
  const AdaptReport falling = adapt_fresh(o);
  EXPECT_EQ(falling.before.loss, constant.before.loss);
  EXPECT_EQ(falling.after.masked_tokens, constant.after.masked_tokens);
  const auto updates = lines(folder_ / "falling" / "metrics.jsonl");
  ASSERT_EQ(updates.size(), static_cast<size_t>(falling.steps));
  for (size_t s = 0; s < updates.size(); ++s) {
    const double rate = 0.9 + (0.15 - 0.9) * static_cast<double>(s) / static_cast<double>(updates.size());
    EXPECT_DOUBLE_EQ(updates[s]["masking_rate"].get<double>(), rate);
    const double tokens = updates[s]["tokens"].get<double>(), masked = updates[s]["masked"].get<double>();
    EXPECT_NEAR(masked, tokens * rate, 5 * std::sqrt(tokens * rate * (1 - rate)) + 0.2 * tokens * rate) << s;
  }
  EXPECT_FALSE(lines(folder_ / "constant" / "metrics.jsonl")[0].contains("masking_rate"));
  EXPECT_EQ(json(folder_ / "falling" / "options.json")["mlm_probability"], "0.9:0.15");
}

TEST_F(TrainerTest, TheTraceHasTheAgreedForm) {
  TrainingOptions o = options();
  o.save_strategy = Interval::no;
  o.masking_rng = MaskingRng::torch;
  o.gradient_accumulation_steps = 2;
  o.warmup_steps = 2;
  o.trace = (folder_ / "trace.jsonl").string();
  adapt_fresh(o);
  const std::vector<Json> trace = lines(o.trace);
  ASSERT_EQ(trace.size(), 6u);
  EXPECT_EQ(bytes(o.trace).substr(0, 10), "{\"step\":1,");
  for (const Json& line : trace) {
    EXPECT_THAT(keys(line), UnorderedElementsAre("step", "loss", "grad_norm", "learning_rate", "batches"));
    for (const Json& b : line["batches"]) {
      EXPECT_THAT(keys(b), UnorderedElementsAre("input_ids_crc32", "labels_crc32", "masked"));
      EXPECT_TRUE(b["input_ids_crc32"].is_number_unsigned() && b["input_ids_crc32"].get<uint64_t>() != 0);
    }
  }
  EXPECT_EQ(trace[0]["batches"].size(), 2u);
  EXPECT_EQ(trace[2]["batches"].size(), 1u);  // the epoch's fifth micro-batch
  EXPECT_EQ(trace[0]["learning_rate"], 0.0);
  EXPECT_EQ(trace[1]["learning_rate"], 5e-4);
}

TEST_F(TrainerTest, FrozenEvaluationDrawsNothingFromTheRunsStream) {
  const auto checksums = [&](const char* name, Interval strategy) {
    TrainingOptions o = options(name);
    o.save_strategy = Interval::no;
    o.masking_rng = MaskingRng::torch;
    o.eval_strategy = strategy;
    o.eval_steps = 2;
    o.trace = (folder_ / name).string() + ".jsonl";
    adapt_fresh(o);
    std::vector<Json> all;
    for (const Json& line : lines(o.trace)) all.push_back(line["batches"]);
    return all;
  };
  EXPECT_EQ(checksums("never", Interval::no), checksums("often", Interval::steps));
}

TEST_F(TrainerTest, FreshEvaluationMasksAnewEachTime) {
  for (const MaskingRng rng : {MaskingRng::counter, MaskingRng::torch}) {
    TrainingOptions o = options(rng == MaskingRng::torch ? "torch" : "counter");
    o.eval_masking = EvalMasking::fresh;
    o.masking_rng = rng;
    o.learning_rate = 0;
    o.save_strategy = Interval::no;
    const AdaptReport r = adapt_fresh(o);
    EXPECT_NE(r.before.loss, r.evaluations[0].evaluation.loss);
    EXPECT_NE(r.evaluations[0].evaluation.loss, r.evaluations[1].evaluation.loss);
    EXPECT_NE(r.after.loss, r.evaluations[1].evaluation.loss);  // and once more at the end, as the walkthrough does
  }
}

TEST_F(TrainerTest, EarlyStopping) {
  TrainingOptions o = options();
  o.num_train_epochs = 50;
  o.learning_rate = 0;  // nothing ever gets better
  o.early_stopping_patience = 3;
  const AdaptReport r = adapt_fresh(o);
  EXPECT_EQ(r.evaluations.size(), 4u);  // the first is the best so far, three are not better
  EXPECT_EQ(r.steps, 20);
  EXPECT_EQ(r.stopped, 0);
  EXPECT_EQ(json(fs::path(o.output_dir) / "trainer_state.json")["stateful_callbacks"]["EarlyStoppingCallback"]
                                                               ["attributes"]["early_stopping_patience_counter"],
            3);
}

TEST_F(TrainerTest, TheBestModelIsTheOneThatStays) {
  TrainingOptions o = options();
  o.num_train_epochs = 12;
  o.learning_rate = 0.3;  // so rough that later epochs are worse than the best one
  o.lr_scheduler_type = LrScheduler::constant;
  o.load_best_model_at_end = true;
  o.save_total_limit = 1;
  const AdaptReport r = adapt_fresh(o);
  const auto best = std::min_element(r.evaluations.begin(), r.evaluations.end(), [](const auto& a, const auto& b) {
    return a.evaluation.loss < b.evaluation.loss;
  });
  ASSERT_NE(best->step, r.steps) << "the test needs a run whose last epoch is not its best";
  EXPECT_EQ(r.after.loss, best->evaluation.loss);
  const fs::path run = o.output_dir;
  const fs::path checkpoint = run / ("checkpoint-" + std::to_string(best->step));
  EXPECT_EQ(bytes(run / "model.safetensors"), bytes(checkpoint / "model.safetensors"));
  EXPECT_EQ(json(run / "trainer_state.json")["best_model_checkpoint"], checkpoint.string());
  int checkpoints = 0;
  for (const auto& entry : fs::directory_iterator(run)) checkpoints += entry.is_directory();
  EXPECT_EQ(checkpoints, 1);
}

TEST_F(TrainerTest, TheBestIsSavedThoughNoSaveWasDueThen) {
  TrainingOptions o = options();
  o.learning_rate = 0;  // the first evaluation, at update 2, is the best
  o.eval_strategy = o.save_strategy = Interval::steps;
  o.eval_steps = 2;
  o.save_steps = 4;
  o.load_best_model_at_end = true;
  adapt_fresh(o);
  EXPECT_EQ(json(fs::path(o.output_dir) / "trainer_state.json")["best_global_step"], 2);
  EXPECT_TRUE(fs::exists(fs::path(o.output_dir) / "checkpoint-2" / "model.safetensors"));
}

TEST_F(TrainerTest, ReportsComeAtTheirUpdates) {
  TrainingOptions o = options();
  o.max_steps = 7;
  o.logging_steps = 3;
  o.eval_strategy = Interval::steps;
  o.save_strategy = Interval::steps;
  o.save_steps = 4;
  std::vector<int64_t> seen;
  o.on_evaluation = [&](const EvaluationPoint& r, RunControl&) { seen.push_back(r.step); };
  const AdaptReport r = adapt_fresh(o);
  EXPECT_THAT(seen, ElementsAre(3, 6, 7));
  EXPECT_DOUBLE_EQ(r.evaluations[0].epoch, 0.6);
  const fs::path run = o.output_dir;
  EXPECT_TRUE(fs::exists(run / "checkpoint-4") && fs::exists(run / "checkpoint-7"));
  EXPECT_FALSE(fs::exists(run / "checkpoint-5"));
  const Json history = json(run / "trainer_state.json")["log_history"];
  const std::vector<Json> metrics = lines(run / "metrics.jsonl");
  double sum = 0, masked = 0;
  for (size_t i = 0; i < 3; ++i) {
    sum += metrics[i]["loss"].get<double>() * metrics[i]["masked"].get<double>();
    masked += metrics[i]["masked"].get<double>();
  }
  EXPECT_NEAR(history[0]["loss"].get<double>(), sum / masked, 1e-12);
  EXPECT_NEAR(r.evaluations[0].train_loss, sum / masked, 1e-12);
  EXPECT_EQ(history[0]["learning_rate"], metrics[2]["learning_rate"]);
}

TEST_F(TrainerTest, ACallbackMayUseTheModel) {
  TrainingOptions o = options();
  o.save_strategy = Interval::no;
  MaskedLM m = model();
  int calls = 0;
  o.on_evaluation = [&](const EvaluationPoint&, RunControl&) {
    calls += FillMask(m, tokenizer())("aa bb [MASK] ah ao av bc bj bq bx ce cl cs cz dg").size() == 5;
  };
  adapt(m, tokenizer(), split(), o);
  EXPECT_EQ(calls, 2);
}

TEST_F(TrainerTest, WithoutEvaluationText) {
  TrainingOptions o = options();
  o.save_strategy = Interval::no;
  const Chunks::Split all = split();
  const Chunks::Split blind{all.train, all.test.select({})};
  MaskedLM m = model();
  EXPECT_THAT(message_of(ErrorKind::input, [&] { adapt(m, tokenizer(), blind, o); }), HasSubstr("eval_strategy no"));
  EXPECT_FALSE(fs::exists(o.output_dir));
  o.eval_strategy = Interval::no;
  const AdaptReport r = adapt(m, tokenizer(), blind, o);
  EXPECT_EQ(r.after.chunks, 0);
  EXPECT_FALSE(fs::exists(fs::path(o.output_dir) / "eval_results.json"));
  EXPECT_TRUE(fs::exists(fs::path(o.output_dir) / "all_results.json"));
}

TEST_F(TrainerTest, UpdatesWithNothingMaskedAreZeroAndNotNaN) {
  TrainingOptions o = options();
  o.save_strategy = Interval::no;
  o.eval_strategy = Interval::no;
  o.mlm_probability = 1e-7;
  const Chunks::Split all = split();
  for (const MaskingRng rng : {MaskingRng::counter, MaskingRng::torch_cpu}) {
    o.overwrite_output_dir = true;
    o.masking_rng = rng;
    MaskedLM m = model();
    const AdaptReport r = adapt(m, tokenizer(), {all.train, all.test.select({})}, o);
    EXPECT_EQ(r.train_loss, 0);
    EXPECT_EQ(r.steps, 10);
    EXPECT_EQ(r.steps_without_masked_tokens, 10);
  }
}

TEST_F(TrainerTest, UpdatesWithFewMaskedTokensWeighLittle) {
  TrainingOptions o = options();
  o.save_strategy = Interval::no;
  o.eval_strategy = Interval::no;
  o.per_device_train_batch_size = 1;
  o.mlm_probability = 0.05;  // of 16 tokens: now and then none
  o.logging_steps = 20;
  for (const MaskingRng rng : {MaskingRng::counter, MaskingRng::torch}) {
    o.overwrite_output_dir = true;
    o.masking_rng = rng;
    const AdaptReport r = adapt_fresh(o);
    double weighted = 0, masked = 0, plain = 0;
    int64_t without = 0;
    const std::vector<Json> metrics = lines(fs::path(o.output_dir) / "metrics.jsonl");
    for (const Json& line : metrics) {
      weighted += line["loss"].get<double>() * line["masked"].get<double>();
      masked += line["masked"].get<double>();
      plain += line["loss"].get<double>();
      without += line["masked"] == 0;
    }
    ASSERT_GT(without, 0) << "the test needs an update without a masked token";
    EXPECT_EQ(r.steps_without_masked_tokens, without);
    const double expected =
        rng == MaskingRng::counter ? weighted / masked : plain / static_cast<double>(metrics.size());
    EXPECT_NEAR(r.train_loss, expected, 1e-9);
    EXPECT_EQ(json(fs::path(o.output_dir) / "train_results.json")["train_loss"].get<double>(), r.train_loss);
    double of_entries = 0;  // each entry is of 20 updates
    const Json history = json(fs::path(o.output_dir) / "trainer_state.json")["log_history"];
    for (size_t i = 0; i < 4; ++i) of_entries += history[i]["loss"].get<double>() / 4;
    EXPECT_TRUE(rng == MaskingRng::counter || std::abs(of_entries - r.train_loss) < 1e-9);
  }
}

TEST_F(TrainerTest, TextOfOtherKindsIsEvaluatedBeforeAndAfter) {
  TrainingOptions o = options();
  o.save_strategy = Interval::no;
  o.general = split(30, 9).test;
  o.general_name = "others";
  const LogCapture log;
  MaskedLM m = model();
  const double before = evaluate(m, tokenizer(), *o.general, {.batch_size = 8}).loss;
  const AdaptReport r = adapt(m, tokenizer(), split(), o);
  const std::string said = log.text();
  ASSERT_TRUE(r.general);
  EXPECT_EQ(r.general->before.loss, before);
  EXPECT_EQ(r.general->after.loss, evaluate(m, tokenizer(), *o.general, {.batch_size = 8}).loss);
  EXPECT_NE(r.general->after.loss, before);
  const size_t general = said.find("\n general  perplexity "), saved = said.find("\n saved    ");
  EXPECT_LT(general, saved) << said;
  EXPECT_THAT(said, HasSubstr(" · on others\n"));
  o.general.reset();
  o.overwrite_output_dir = true;
  EXPECT_FALSE(adapt_fresh(o).general);
}

TEST(TrainingLines, SayAFigureInFourDigitsAndANameOnce) {
  EXPECT_EQ(loss_text(3), "3.000");
  EXPECT_EQ(loss_text(2.56789), "2.568");
  const LogCapture log;
  note_general({}, "general");
  note_general({}, "notes.txt");
  EXPECT_THAT(log.text(), testing::MatchesRegex(" general .* %\\)\n general .* %\\) · on notes.txt\n"));
}

TEST_F(TrainerTest, WhatACallbackThrowsEndsTheRunAndTheModelIsFree) {
  TrainingOptions o = options();
  o.on_evaluation = [](const EvaluationPoint&, RunControl&) { throw std::runtime_error("enough"); };
  MaskedLM m = model();
  EXPECT_THROW(adapt(m, tokenizer(), split(), o), std::runtime_error);
  EXPECT_EQ(FillMask(m, tokenizer())("aa bb [MASK] ah").size(), 5u);
}

TEST_F(TrainerTest, EveryFileOfARunIsSetAsideByTheNext) {
  TrainingOptions o = options();
  o.prompts = {"ah ao [MASK] bc"};
  o.description.options_toml = "seed = 42\n";
  adapt_fresh(o);
  o.overwrite_output_dir = true;
  RunFolder next(o);
  next.claim();
  next.begin(Json::object());
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(o.output_dir)) left.push_back(entry.path().filename().string());
  EXPECT_THAT(left, UnorderedElementsAre("options.json", "previous-run", ".tekio-lock"))
      << "run_folder.cc lists what a run writes";
}

TEST_F(TrainerTest, DivergenceIsToldAndNotSaved) {
  TrainingOptions o = options();
  o.learning_rate = 1e30;
  o.lr_scheduler_type = LrScheduler::constant;
  o.num_train_epochs = 100;
  EXPECT_THAT(message_of(ErrorKind::input, [&] { adapt_fresh(o); }),
              AllOf(HasSubstr("diverged"), HasSubstr("learning_rate")));
}

TEST_F(TrainerTest, ARunThatComesToNothingLeavesNothing) {
  TrainingOptions o = options();
  o.mlm_probability = 1e-9;  // no token is masked: the evaluation before training fails
  EXPECT_THAT(message_of(ErrorKind::input, [&] { adapt_fresh(o); }), HasSubstr("no token"));
  EXPECT_FALSE(fs::exists(o.output_dir));

  fs::create_directories(o.output_dir);  // one that was there stays, as it was
  EXPECT_THROW(adapt_fresh(o), Error);
  EXPECT_TRUE(fs::is_empty(o.output_dir));
}

TEST_F(TrainerTest, MistakesAreToldBeforeAnythingIsWritten) {
  TrainingOptions o = options();
  o.seed = 1;
  o.learning_rate = -1;
  o.mlm_probability = 3;
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { adapt_fresh(o); }),
              AllOf(HasSubstr("learning_rate"), HasSubstr("mlm_probability")));
  o = options();
  o.prompts = {"no mask here"};
  message_of(ErrorKind::input, [&] { adapt_fresh(o); });
  o.prompts = {"[MASK] here", "[MASK] and [MASK]"};
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { adapt_fresh(o); }), HasSubstr("has 2 masks; give it one"));
  EXPECT_FALSE(fs::exists(o.output_dir));
}

TEST_F(TrainerTest, APlanLeavesTheModelAsItWas) {
  MaskedLM m = model();
  const Chunks::Split data = split();
  const double before = evaluate(m, tokenizer(), data.test).loss;
  const std::vector<float> weights = [&] {
    const auto values = std::as_const(MaskedLMImpl::of(m).model()).weights().named().front().tensor.values();
    return std::vector<float>(values.begin(), values.end());
  }();
  ASSERT_TRUE(plan(m, tokenizer(), data, options()).seconds);
  const auto after = std::as_const(MaskedLMImpl::of(m).model()).weights().named().front().tensor.values();
  EXPECT_TRUE(std::equal(weights.begin(), weights.end(), after.begin(), after.end()));
  EXPECT_EQ(evaluate(m, tokenizer(), data.test).loss, before);
}

TEST_F(TrainerTest, TheTimeLeftCountsWhatIsStillDone) {
  TrainingOptions o = options();  // 5 updates an epoch, 2 epochs, an evaluation and a checkpoint after each
  const Chunks::Split data = split();
  const auto left = [&](int64_t steps) { return WorkLeft::after(steps, o, Schedule(o, data.train.size()), data); };
  EXPECT_EQ(left(0).chunks, 80);
  EXPECT_NEAR(left(7).chunks, 24, 1e-9);
  EXPECT_EQ(left(0).evaluations, 2);
  EXPECT_EQ(left(5).checkpoints, 1);
  EXPECT_EQ(left(0).general_evaluations, 0);
  o.general = data.test;
  EXPECT_EQ(left(10).general_evaluations, 1);
  EXPECT_EQ(left(10).evaluations, 0) << "frozen masks give the last figure again";
  o.eval_masking = EvalMasking::fresh;
  EXPECT_EQ(left(10).evaluations, 1);
  o.eval_strategy = o.save_strategy = Interval::no;
  EXPECT_EQ(left(0).evaluations, 1) << "after training";
  EXPECT_EQ(left(0).checkpoints, 0);
  const WorkCosts costs{.chunk = 0.5, .evaluation = 3, .general_evaluation = 7, .checkpoint = 11, .model = 13};
  EXPECT_EQ(costs.of(left(0)), 40 + 3 + 7 + 13);
}

TEST_F(TrainerTest, APlanSaysWhatARunWouldBe) {
  const TrainingOptions o = options();
  const AdaptPlan p = plan(model(), tokenizer(), split(), o);
  EXPECT_EQ(p.train_chunks, 40);
  EXPECT_EQ(p.eval_chunks, 12);
  EXPECT_EQ(p.steps_per_epoch, 5);
  EXPECT_EQ(p.steps, 10);
  ASSERT_TRUE(p.seconds);
  EXPECT_GT(*p.seconds, 0);
  int64_t sum = 0;
  std::vector<std::string> purposes;
  for (const auto& line : p.memory) sum += line.bytes, purposes.push_back(line.purpose);
  EXPECT_EQ(sum, p.memory_bytes);
  EXPECT_THAT(purposes, IsSupersetOf({"weights", "gradients", "moments"}));
  EXPECT_GT(p.memory_bytes, 38840 * 4 * 4);
  EXPECT_GT(p.disk_bytes, 38840 * 4 * (1 + 3));
  TrainingOptions large = o, all = o;
  large.per_device_train_batch_size = large.per_device_eval_batch_size = 1 << 20;
  all.per_device_train_batch_size = all.per_device_eval_batch_size = 40;
  EXPECT_EQ(plan(model(), tokenizer(), split(), large).memory_bytes,
            plan(model(), tokenizer(), split(), all).memory_bytes)
      << "no batch holds more chunks than there are";
  EXPECT_FALSE(fs::exists(o.output_dir));
}

}  // namespace
}  // namespace tekio::test
