// Whole runs on several ranks: what rank 0 leaves behind is what one process with all the micro-batches leaves.
#include <mutex>

#include "model/masked_lm.h"
#include "support/local_ranks.h"
#include "tiny.h"
#include "train/plan.h"
#include "train/trainer.h"

namespace tekio::test {
namespace {

struct Cut {
  int ranks;
  int64_t accumulation;
};

class RanksTest : public TinyRun {
 protected:
  struct Left {
    std::map<std::string, std::string> files;  // weights and moments, by their paths in the run folder
    std::vector<Json> metrics, trace;
    AdaptReport report;
  };

  /// A run of two epochs: 19 micro-batches of two chunks (the last of one) in updates of 8, 8 and 3.
  TrainingOptions options_of(const Cut& cut, const std::string& name) const {
    TrainingOptions o = options(name);
    o.per_device_train_batch_size = 2;
    o.gradient_accumulation_steps = cut.accumulation;
    o.eval_strategy = Interval::no;
    o.trace = (folder_ / (name + ".trace")).string();
    return o;
  }

  static MaskedLM tiny_model(NumberFormat dtype) {
    return MaskedLM::from_pretrained(TEKIO_GOLDEN_DIR "/tiny-distilbert",
                                     {.device = "cpu", .dtype = dtype, .threads = 1});
  }
  /// Of 700,000 parameters: eleven blocks of the gradients' norm, which are what shares are made of.
  MaskedLM larger_model(NumberFormat dtype) const {
    Json config = json(TEKIO_GOLDEN_DIR "/tiny-distilbert/config.json");
    config.update({{"dim", 128}, {"hidden_dim", 512}, {"n_layers", 3}});
    const fs::path file = folder_ / "config.json";
    std::call_once(larger_config_, [&] { std::ofstream(file) << config.dump(); });
    return MaskedLM::from_config(file.string(), {.device = "cpu", .dtype = dtype, .threads = 1, .seed = 5});
  }

  Left run(const Cut& cut, const std::function<void(TrainingOptions&)>& change = {},
           NumberFormat dtype = NumberFormat::f32, bool larger = false) const {
    static int runs = 0;
    TrainingOptions o = options_of(cut, "run" + std::to_string(++runs));
    if (change) change(o);
    const Chunks::Split data = split(37, 12);
    Left left;
    run_ranks(cut.ranks, [&](Communicator& ranks) {
      MaskedLM model = larger ? larger_model(dtype) : tiny_model(dtype);
      const AdaptReport report = Trainer(model, tokenizer(), data, o, ranks).run();
      if (ranks.rank() == 0) left.report = report;
    });
    for (const auto& entry : fs::recursive_directory_iterator(o.output_dir))
      if (entry.path().extension() == ".safetensors")
        left.files[fs::relative(entry.path(), o.output_dir).string()] = bytes(entry.path());
    left.metrics = lines(fs::path(o.output_dir) / "metrics.jsonl");
    for (Json& line : left.metrics) line.erase("seconds");
    left.trace = lines(o.trace);
    return left;
  }

  mutable std::once_flag larger_config_;

  static void expect_same(const Left& got, const Left& expected, const Cut& cut) {
    EXPECT_EQ(got.metrics, expected.metrics) << cut.ranks << " ranks";
    EXPECT_EQ(got.trace, expected.trace) << cut.ranks << " ranks";
    ASSERT_EQ(got.files.size(), expected.files.size());
    for (const auto& [name, content] : expected.files)
      EXPECT_TRUE(got.files.contains(name) && got.files.at(name) == content) << cut.ranks << " ranks: " << name;
  }
};

constexpr Cut kCuts[] = {{2, 4}, {4, 2}, {8, 1}};

TEST_F(RanksTest, LeaveWhatOneProcessLeaves) {
  const Left whole = run({1, 8});
  EXPECT_EQ(whole.files.size(), 1u + 2 * 2);  // the model; two checkpoints with their moments
  EXPECT_EQ(whole.metrics.size(), 6u);
  EXPECT_EQ(whole.trace[0]["batches"].size(), 8u);
  EXPECT_EQ(whole.trace[2]["batches"].size(), 3u);
  EXPECT_EQ(whole.report.steps, 6);
  for (const Cut& cut : kCuts) expect_same(run(cut), whole, cut);
}

TEST_F(RanksTest, LeaveTheSameInBf16) {
  const Left whole = run({1, 8}, {}, NumberFormat::bf16);
  for (const Cut& cut : {Cut{2, 4}, Cut{4, 2}, Cut{8, 1}}) expect_same(run(cut, {}, NumberFormat::bf16), whole, cut);
  const Left of_six = run({1, 6}, {}, NumberFormat::bf16);
  for (const Cut& cut : {Cut{3, 2}, Cut{6, 1}}) expect_same(run(cut, {}, NumberFormat::bf16), of_six, cut);
}

// Where a rank's micro-batches are no whole part of the tree of sums.
TEST_F(RanksTest, DifferByRoundingInOtherPartitions) {
  struct {
    NumberFormat dtype;
    double limit;
  } const cases[] = {{NumberFormat::f32, 1e-6}, {NumberFormat::bf16, 1e-3}};
  for (const auto& [dtype, limit] : cases) {
    const auto change = [](TrainingOptions& o) { o.num_train_epochs = 5; };
    const Left one = run({1, 6}, change, dtype), two = run({2, 3}, change, dtype);
    EXPECT_NEAR(two.report.after.loss, one.report.after.loss, limit);
    EXPECT_NEAR(two.report.train_loss, one.report.train_loss, limit);
  }
}

TEST_F(RanksTest, AverageAsOneProcessDoes) {
  for (const AccumulationLoss kind : {AccumulationLoss::sum, AccumulationLoss::mean}) {
    const auto change = [&](TrainingOptions& o) { o.accumulation_loss = kind; };
    const Left whole = run({1, 8}, change);
    expect_same(run({4, 2}, change), whole, {4, 2});
  }
}

TEST_F(RanksTest, DrawFromTheReferencesStreamsAsOneProcessDoes) {
  for (const MaskingRng rng : {MaskingRng::torch, MaskingRng::torch_cpu}) {
    const auto change = [&](TrainingOptions& o) { o.masking_rng = rng; };
    const Left whole = run({1, 8}, change);
    for (const Cut& cut : {Cut{2, 4}, Cut{8, 1}}) expect_same(run(cut, change), whole, cut);
  }
}

TEST_F(RanksTest, ShareTheOptimizersWorkWithoutATrace) {
  const Left whole = run({1, 8});
  const auto shared = [](TrainingOptions& o) { o.optimizer_sharding = true; };
  for (const Cut& cut : {Cut{1, 8}, Cut{2, 4}, Cut{8, 1}}) expect_same(run(cut, shared), whole, cut);
}

TEST_F(RanksTest, ShareGradientsOfManyBlocksToo) {
  const auto one_epoch = [](bool sharding, WireFormat wire) {
    return [=](TrainingOptions& o) {
      o.num_train_epochs = 1;
      o.optimizer_sharding = sharding;
      o.wire = wire;
    };
  };
  for (const NumberFormat dtype : {NumberFormat::f32, NumberFormat::bf16}) {
    const Left whole = run({1, 8}, one_epoch(false, WireFormat::f32), dtype, true);
    for (const Cut& cut : {Cut{2, 4}, Cut{4, 2}})
      expect_same(run(cut, one_epoch(true, WireFormat::f32), dtype, true), whole, cut);
  }
  const Cut thirds{3, 2};
  for (const WireFormat wire : {WireFormat::f32, WireFormat::bf16})
    expect_same(run(thirds, one_epoch(true, wire), NumberFormat::f32, true),
                run(thirds, one_epoch(false, wire), NumberFormat::f32, true), thirds);
}

TEST_F(RanksTest, SharesMoveNoMoreBytes) {
  const auto bytes_of = [&](bool sharding) {
    TrainingOptions o = options_of({4, 1}, sharding ? "shares moved" : "all moved");
    o.max_steps = 2;
    o.save_strategy = Interval::no;
    o.optimizer_sharding = sharding;
    const Chunks::Split data = split(37, 12);
    Switchboard board(4);
    const auto errors = errors_of_ranks(board, [&](Communicator& ranks) {
      MaskedLM model = larger_model(NumberFormat::f32);
      Trainer(model, tokenizer(), data, o, ranks).run();
    });
    for (const std::string& error : errors) EXPECT_EQ(error, "");
    return static_cast<double>(board.bytes_sent());
  };
  const double all = bytes_of(false), shares = bytes_of(true);
  EXPECT_GT(all, 2 * 2 * 3 * 690'000 * 4.0);  // two updates, 2 (N - 1) of all gradients
  EXPECT_NEAR(shares / all, 1, 0.01);
}

TEST_F(RanksTest, GoOnFromACheckpointWithSharesOrWithout) {
  const Left whole = run({2, 4});
  for (const bool before : {false, true}) {
    const auto half = [&](TrainingOptions& o) {
      o.optimizer_sharding = before;
      o.output_dir = (folder_ / (before ? "shares" : "no shares")).string();
    };
    run({2, 4}, half);
    fs::remove_all(folder_ / (before ? "shares" : "no shares") / "checkpoint-6");
    const auto rest = [&](TrainingOptions& o) {
      half(o);
      o.optimizer_sharding = !before;
      o.resume_from_checkpoint = "auto";
    };
    const Left resumed = run({2, 4}, rest);
    for (const char* name : {"model.safetensors", "checkpoint-6/optimizer.safetensors"})
      EXPECT_TRUE(resumed.files.at(name) == whole.files.at(name)) << name;
  }
}

TEST_F(RanksTest, PlanEachOnesMemory) {
  const MaskedLM m = model();
  const Chunks::Split data = split(37, 12);
  TrainingOptions o = options_of({1, 2}, "planned");
  const auto lines = [&](int ranks) {
    std::map<std::string, int64_t> all;
    const MlmNetwork& network = MaskedLMImpl::of(m).model();
    for (const MemoryPlan::Line& line :
         memory_plan(network.config(), network.backend(), o, data, DType::f32, {.all = ranks, .here = 1}).lines)
      all[line.purpose] = line.bytes;
    return all;
  };
  const auto large = [&](int ranks) {
    const MaskedLM larger = larger_model(NumberFormat::f32);
    const MlmNetwork& network = MaskedLMImpl::of(larger).model();
    for (const MemoryPlan::Line& line :
         memory_plan(network.config(), network.backend(), o, data, DType::f32, {.all = ranks, .here = 1}).lines)
      if (line.purpose == "moments") return line.bytes;
    return int64_t{0};
  };
  const int64_t set = lines(1).at("weights"), row = 32 * 4;
  EXPECT_EQ(lines(1).at("micro-batch sums"), set);
  EXPECT_EQ(lines(1).at("looked-up rows"), 2 * (2 * 2 * 16) * row);
  EXPECT_EQ(lines(4).at("looked-up rows"), 2 * (4 * 2 * 2 * 16) * row);
  EXPECT_EQ(lines(4).at("moments"), 2 * set);
  o.optimizer_sharding = true;
  EXPECT_EQ(lines(1).at("moments"), 2 * set);
  EXPECT_EQ(lines(4).at("moments"), 2 * set) << "a single block of the norm is one rank's";
  EXPECT_EQ(lines(4).contains("collected moments"), !lines(4).contains("checkpoint copy")) << "which holds them, too";
  EXPECT_FALSE(lines(1).contains("collected moments"));
  o.save_strategy = Interval::no;
  EXPECT_EQ(lines(4).at("collected moments"), 2 * set) << "for a checkpoint where a signal stops the run";
  EXPECT_FALSE(lines(1).contains("exchange"));
  EXPECT_EQ(lines(4).at("exchange"), set) << "less than what finds room on its way";
  o.wire = WireFormat::bf16;
  EXPECT_EQ(lines(4).at("exchange"), 2 * set);
  EXPECT_LT(large(4), large(1) / 4 + 2 * kNormBlock * 4);
  EXPECT_GE(large(4), large(1) / 4);
  o.gradient_accumulation_steps = 1;
  EXPECT_FALSE(lines(1).contains("micro-batch sums") || lines(1).contains("looked-up rows"));
  EXPECT_TRUE(lines(2).contains("looked-up rows"));
}

TEST_F(RanksTest, SendGradientsInBf16WhereAsked) {
  const auto change = [](TrainingOptions& o) { o.wire = WireFormat::bf16; };
  const Left exact = run({2, 4}), rounded = run({2, 4}, change);
  EXPECT_NE(rounded.files.at("model.safetensors"), exact.files.at("model.safetensors"));
  for (size_t i = 0; i < exact.metrics.size(); ++i) {
    EXPECT_NEAR(rounded.metrics[i]["loss"].get<double>(), exact.metrics[i]["loss"].get<double>(), 1e-3);
    EXPECT_NEAR(rounded.metrics[i]["grad_norm"].get<double>(), exact.metrics[i]["grad_norm"].get<double>(),
                4e-3 * exact.metrics[i]["grad_norm"].get<double>());
  }
  expect_same(run({1, 8}, change), run({1, 8}), {1, 8});
}

TEST_F(RanksTest, WithUnevenPartsDifferByRounding) {
  const Left whole = run({1, 6}), halves = run({2, 3});
  ASSERT_EQ(halves.metrics.size(), whole.metrics.size());
  for (size_t i = 0; i < whole.metrics.size(); ++i) {
    EXPECT_EQ(halves.metrics[i]["masked"], whole.metrics[i]["masked"]);
    EXPECT_NEAR(halves.metrics[i]["loss"].get<double>(), whole.metrics[i]["loss"].get<double>(), 1e-6);
    EXPECT_NEAR(halves.metrics[i]["grad_norm"].get<double>(), whole.metrics[i]["grad_norm"].get<double>(), 1e-6);
  }
  EXPECT_NE(halves.files.at("model.safetensors"), whole.files.at("model.safetensors"));
}

}  // namespace
}  // namespace tekio::test
