// Batches that a thread makes ahead are those that one thread would have made, whatever draws in between, and so is the
// state that a checkpoint keeps.
#include "train/updates_ahead.h"

#include <chrono>
#include <thread>
#include <tuple>

#include "tiny.h"

namespace tekio::test {
namespace {

using Kind = std::tuple<MaskingRng, EvalMasking, int64_t /*micro-batches*/>;

class Ahead : public TinyRun, public ::testing::WithParamInterface<Kind> {
 protected:
  /// What a run is fed, and the state after each update and after the evaluation that follows it.
  std::vector<std::string> run(const TrainingOptions& o, bool ahead) const {
    const Chunks::Split data = split(37, 12);
    const Schedule schedule(o, data.train.size());
    RunMasking masking({o}, MaskingVocabulary::of(tokenizer()));
    EvaluationBatches evaluation(masking, data.test, 5, o.eval_masking);
    TrainingBatches plain(masking, data.train, schedule.plan(),
                          {.seed = o.seed, .rate = [&](int64_t step) { return schedule.masking_rate(step); }});
    UpdatesAhead made_ahead(masking, data.train, schedule, o, /*rank=*/0);
    std::vector<std::string> seen;
    const auto see = [&](const Batch& b) {
      seen.push_back(Json{b.input_ids, b.masked_rows, b.labels, b.first_key}.dump());
    };
    for (int64_t step = 1; step <= schedule.updates(); ++step) {
      const UpdateBatches update = ahead ? made_ahead.next() : plain.next_update();
      EXPECT_EQ(update.update.step, step - 1);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the thread has its chance
      for (const CollatedBatch& b : update.batches) {
        see(b.batch);
        if (masking.dropout_stream() != nullptr) masking.dropout_stream()->skip_dropout(100);
      }
      seen.push_back(ahead ? made_ahead.state() : plain.state());
      if (!schedule.evaluates_after(step)) continue;
      evaluation.start(static_cast<uint64_t>(step));
      while (const auto batch = evaluation.next()) see(batch->batch);
      seen.push_back(ahead ? made_ahead.state() : plain.state());
    }
    return seen;
  }
};

TEST_P(Ahead, ChangesNothing) {
  TrainingOptions o = options();
  std::tie(o.masking_rng, o.eval_masking, o.gradient_accumulation_steps) = GetParam();
  o.per_device_train_batch_size = 3;
  o.eval_strategy = Interval::steps;
  o.eval_steps = 2;
  o.initial_mlm_probability = 0.5;
  const std::vector<std::string> plain = run(o, false);
  EXPECT_EQ(run(o, true), plain);
  EXPECT_GT(plain.size(), 20u);
}

INSTANTIATE_TEST_SUITE_P(
    Modes, Ahead,
    ::testing::Combine(::testing::Values(MaskingRng::counter, MaskingRng::torch, MaskingRng::torch_cpu),
                       ::testing::Values(EvalMasking::frozen, EvalMasking::fresh), ::testing::Values(1, 3)));

class AheadOfTime : public TinyRun {};

TEST_F(AheadOfTime, ARunMayBeLeftAtAnyMoment) {
  const TrainingOptions o = options();
  const Chunks::Split data = split();
  const Schedule schedule(o, data.train.size());
  RunMasking masking({o}, MaskingVocabulary::of(tokenizer()));
  for (int updates = 0; updates < 4; ++updates) {
    UpdatesAhead batches(masking, data.train, schedule, o, /*rank=*/0);
    for (int i = 0; i < updates; ++i) batches.next();
  }
}

TEST_F(AheadOfTime, ResumingIsTheSame) {
  TrainingOptions o = options();
  o.masking_rng = MaskingRng::torch;
  const Chunks::Split data = split();
  const Schedule schedule(o, data.train.size());
  std::vector<std::string> whole, states;
  {
    RunMasking masking({o}, MaskingVocabulary::of(tokenizer()));
    UpdatesAhead batches(masking, data.train, schedule, o, /*rank=*/0);
    for (int64_t step = 0; step < schedule.updates(); ++step) {
      whole.push_back(Json(batches.next().batches[0].batch.input_ids).dump());
      states.push_back(batches.state());
    }
  }
  for (size_t done = 1; done < states.size(); ++done) {
    RunMasking masking({o}, MaskingVocabulary::of(tokenizer()));
    UpdatesAhead batches(masking, data.train, schedule, o, /*rank=*/0);
    batches.resume(static_cast<int64_t>(done), states[done - 1], "x");
    for (size_t step = done; step < whole.size(); ++step)
      EXPECT_EQ(Json(batches.next().batches[0].batch.input_ids).dump(), whole[step]) << done << " " << step;
  }
}

}  // namespace
}  // namespace tekio::test
