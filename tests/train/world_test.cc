// What a run says and does does not depend on how many ranks work on it: evaluations, best models, stops, resuming.
#include <gmock/gmock.h>

#include <atomic>
#include <csignal>
#include <map>

#include "support/local_ranks.h"
#include "tiny.h"
#include "train/on_ranks.h"
#include "train/trainer.h"

namespace tekio::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class World : public TinyRun {
 protected:
  static MaskedLM cpu_model() {
    return MaskedLM::from_pretrained(TEKIO_GOLDEN_DIR "/tiny-distilbert",
                                     {.device = "cpu", .dtype = NumberFormat::f32, .threads = 1});
  }

  /// Updates of eight chunks, four an epoch and one of five, evaluated after every second.
  TrainingOptions options_of(const std::string& name, int ranks) const {
    TrainingOptions o = options(name);
    o.per_device_train_batch_size = 2;
    o.gradient_accumulation_steps = 4 / ranks;
    o.eval_strategy = o.save_strategy = Interval::steps;
    o.eval_steps = 2;
    o.save_steps = 1;
    o.per_device_eval_batch_size = 5;
    o.trace = (folder_ / (name + ".trace")).string();
    o.prompts = {"ah ao [MASK] bc"};
    return o;
  }

  /// The report of rank 0.
  AdaptReport run(int ranks, const TrainingOptions& o,
                  const std::function<void(TrainingOptions&, int rank)>& change = {}) const {
    const Chunks::Split data = split(37, 12);
    AdaptReport of_rank_0;
    run_ranks(ranks, [&](Communicator& all) {
      TrainingOptions own = o;
      if (change) change(own, all.rank());
      MaskedLM model = cpu_model();
      const AdaptReport report = Trainer(model, tokenizer(), data, own, all).run();
      if (all.rank() == 0) of_rank_0 = report;
    });
    return of_rank_0;
  }

  std::string model_bytes(const TrainingOptions& o) const {
    return bytes(fs::path(o.output_dir) / "model.safetensors");
  }
  static Json without_times(const Json& given) {
    if (!given.is_structured()) return given;
    Json kept = given;
    for (auto it = kept.begin(); it != kept.end();) {
      const std::string key = kept.is_object() ? it.key() : "";
      if (key.find("runtime") != std::string::npos || key.find("seconds") != std::string::npos ||
          key.find("per_second") != std::string::npos) {
        it = kept.erase(it);
      } else {
        *it = without_times(*it);
        ++it;
      }
    }
    return kept;
  }
  static fs::path checkpoint_of(const TrainingOptions& o, int step) {
    return fs::path(o.output_dir) / ("checkpoint-" + std::to_string(step));
  }
  Json history(const TrainingOptions& o) const {
    return without_times(json(fs::path(o.output_dir) / "trainer_state.json"))["log_history"];
  }
};

TEST_F(World, EvaluatesToTheSameFigureOnAnyNumberOfRanks) {
  const Chunks chunks = split(40, 37).test;
  for (const MaskingRng rng : {MaskingRng::counter, MaskingRng::torch}) {
    EvaluationOptions o;
    o.batch_size = 4;  // ten batches, the last of one chunk
    o.masking_rng = rng;
    ChunkLosses each;
    const EvaluationReport one = evaluate(cpu_model(), tokenizer(), chunks, o, &each);
    EXPECT_EQ(one.chunks, 37);
    for (const int ranks : {2, 3, 4, 7, 12})
      run_ranks(ranks, [&](Communicator& all) {
        ChunkLosses its;
        const EvaluationReport report = evaluate(cpu_model(), tokenizer(), chunks, o, &its, all);
        EXPECT_EQ(report.loss, one.loss) << ranks;
        EXPECT_EQ(report.reference_loss, one.reference_loss);
        EXPECT_EQ(report.accuracy, one.accuracy);
        EXPECT_EQ(report.perplexity_interval, one.perplexity_interval);
        EXPECT_EQ(report.masked_tokens, one.masked_tokens);
        EXPECT_EQ(its.losses, each.losses);
        EXPECT_EQ(its.masked, each.masked);
      });
  }
}

TEST_F(World, LeavesWhatOneProcessLeaves) {
  struct {
    const char* name;
    std::function<void(TrainingOptions&)> change;
  } const cases[] = {
      {"plain", [](TrainingOptions&) {}},
      {"best",
       [](TrainingOptions& o) {
         o.load_best_model_at_end = true;
         o.save_total_limit = 1;
         o.learning_rate = 0.05;
       }},
      {"early",
       [](TrainingOptions& o) {
         o.early_stopping_patience = 1;
         o.learning_rate = 0.1;
       }},
      {"fresh",
       [](TrainingOptions& o) {
         o.eval_masking = EvalMasking::fresh;
         o.masking_rng = MaskingRng::torch;
       }},
      {"falling", [](TrainingOptions& o) { o.initial_mlm_probability = 0.5; }},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    TrainingOptions one = options_of(std::string(c.name) + "1", 1);
    c.change(one);
    const AdaptReport whole = run(1, one);
    for (const int ranks : {2, 4}) {
      TrainingOptions o = options_of(c.name + std::to_string(ranks), ranks);
      c.change(o);
      const AdaptReport report = run(ranks, o);
      EXPECT_EQ(report.steps, whole.steps);
      EXPECT_EQ(report.after.loss, whole.after.loss);
      EXPECT_EQ(report.train_loss, whole.train_loss);
      EXPECT_EQ(model_bytes(o), model_bytes(one));
      EXPECT_EQ(history(o), history(one));
      EXPECT_EQ(bytes(o.trace), bytes(one.trace));
      ASSERT_EQ(report.prompts.size(), 1u);
      EXPECT_EQ(report.prompts[0].after[0].score, whole.prompts[0].after[0].score);
      EXPECT_EQ(without_times(json(fs::path(o.output_dir) / "all_results.json")),
                without_times(json(fs::path(one.output_dir) / "all_results.json")));
    }
  }
}

// As on a machine of many cores, whose threads have few rows each, or none; here they share a few.
TEST_F(World, ThreadsDoNotChangeABit) {
  for (const NumberFormat dtype : {NumberFormat::f32, NumberFormat::bf16}) {
    std::map<int, std::string> models;
    for (const int threads : {1, 64}) {
      TrainingOptions o = options_of("threads-" + std::to_string(threads), 1);
      o.max_steps = 3;
      o.overwrite_output_dir = true;
      MaskedLM model = MaskedLM::from_pretrained(TEKIO_GOLDEN_DIR "/tiny-distilbert",
                                                 {.device = "cpu", .dtype = dtype, .threads = threads});
      adapt(model, tokenizer(), split(37, 12), o);
      models[threads] = model_bytes(o) + bytes(o.trace) + bytes(checkpoint_of(o, 2) / "optimizer.safetensors");
    }
    EXPECT_TRUE(models[64] == models[1]) << (dtype == NumberFormat::f32 ? "f32" : "bf16");
  }
}

TEST_F(World, ARunGoesOnOnAnotherNumberOfRanks) {
  for (const MaskingRng rng : {MaskingRng::counter, MaskingRng::torch}) {
    const std::string name = rng == MaskingRng::counter ? "counter" : "torch";
    TrainingOptions whole = options_of(name, 2);
    whole.masking_rng = rng;
    run(2, whole);
    for (const int ranks : {1, 2, 4})
      for (const int step : {1, 4, 5, 8}) {
        TrainingOptions o = options_of(fmt::format("{}{}from{}", name, ranks, step), ranks);
        o.masking_rng = rng;
        o.resume_from_checkpoint = fmt::format("{}/checkpoint-{}", whole.output_dir, step);
        o.gradient_accumulation_steps = 1;  // what it is without the option
        int64_t accumulation = 0;
        run_ranks(ranks, [&](Communicator& all) {
          const int64_t found = accumulation_to_resume(o, all);
          if (all.rank() == 0) accumulation = found;
        });
        EXPECT_EQ(accumulation, ranks == 2 ? 1 : 4 / ranks);  // on as many it is not changed
        o.gradient_accumulation_steps = 4 / ranks;
        run(ranks, o);
        EXPECT_EQ(model_bytes(o), model_bytes(whole)) << ranks << " ranks from update " << step;
        EXPECT_EQ(history(o), history(whole));
      }
  }
}

TEST_F(World, AnotherGlobalBatchIsAnotherRun) {
  const TrainingOptions whole = options_of("whole", 2);
  run(2, whole);
  TrainingOptions o = options_of("other", 4);
  o.gradient_accumulation_steps = 2;
  o.resume_from_checkpoint = whole.output_dir + "/checkpoint-3";
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { run(4, o); }),
              AllOf(HasSubstr("of another run"),
                    HasSubstr("the ranks were 2 and are 4, so that an update would have 16 chunks instead of 8")));
  o.per_device_train_batch_size = 5;  // eight chunks cannot be cut so
  run_ranks(4, [&](Communicator& all) { EXPECT_EQ(accumulation_to_resume(o, all), 2); });
}

TEST_F(World, OneThatIsToldToStopStopsAllAfterTheSameUpdate) {
  const TrainingOptions whole = options_of("whole", 4);
  run(4, whole);
  for (const int64_t at : {2, 4, 6}) {
    std::atomic<int> told{0};
    TrainingOptions o = options_of("stopped" + std::to_string(at), 4);
    o.save_strategy = Interval::no;
    o.on_evaluation = [&](const EvaluationPoint& point, RunControl&) {
      if (point.step == at) told = SIGTERM;
    };
    const AdaptReport stopped = run(4, o, [&](TrainingOptions& own, int rank) {
      if (rank == 2) own.should_stop = [&] { return told.load(); };
    });
    EXPECT_EQ(stopped.stopped, SIGTERM);
    EXPECT_GE(stopped.steps, at);
    EXPECT_LE(stopped.steps, at + 1);
    EXPECT_TRUE(fs::exists(fmt::format("{}/checkpoint-{}", o.output_dir, stopped.steps)));
  }
  for (const int64_t at : {2, 4, 6}) {
    TrainingOptions o = options_of("stopped" + std::to_string(at), 2);
    o.save_strategy = Interval::no;
    o.resume_from_checkpoint = "auto";
    run(2, o);
    EXPECT_EQ(model_bytes(o), model_bytes(whole));
    EXPECT_EQ(history(o), history(whole));
  }
}

TEST_F(World, RanksThatWereToldDifferentThingsAreRefused) {
  const TrainingOptions o = options_of("run", 2);
  const auto message = [&](const std::function<void(TrainingOptions&)>& change) {
    return message_of(ErrorKind::usage, [&] {
      run(2, o, [&](TrainingOptions& own, int rank) {
        if (rank == 1) change(own);
      });
    });
  };
  EXPECT_THAT(message([](TrainingOptions& own) { own.learning_rate = 0.002; }),
              AllOf(HasSubstr("the ranks were told different things: learning_rate is 0.001 on rank 0 and 0.002 on "
                              "rank 1; start all of them with one program"),
                    Not(HasSubstr("seed"))));
  EXPECT_THAT(message([](TrainingOptions& own) { own.seed = 7; }), HasSubstr("seed is 42 on rank 0 and 7 on rank 1"));
  EXPECT_FALSE(fs::exists(o.output_dir));
  const auto with_parts = [&](const std::function<Chunks::Split(int)>& data,
                              const std::function<MaskedLM(int)>& model) {
    return message_of(ErrorKind::usage, [&] {
      run_ranks(2, [&](Communicator& all) {
        MaskedLM own = model(all.rank());
        const Chunks::Split its = data(all.rank());
        Trainer(own, tokenizer(), its, o, all).run();
      });
    });
  };
  EXPECT_THAT(with_parts([&](int rank) { return split(37 + rank, 12); }, [](int) { return cpu_model(); }),
              HasSubstr("the training data is 37 chunks (digest "));
  const auto other_model = [](int rank) {
    MaskedLM model = cpu_model();
    if (rank == 1) MaskedLMImpl::of(model).model().weights().flat_to_change().values()[5] += 1;
    return model;
  };
  EXPECT_THAT(with_parts([&](int) { return split(37, 12); }, other_model),
              HasSubstr("the model is one of 38840 parameters (digest "));
}

}  // namespace
}  // namespace tekio::test
