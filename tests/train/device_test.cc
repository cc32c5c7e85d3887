// Whole runs through the public interface on a back end whose memory the processor may not touch: everything that they
// tell and leave has the bits of a run on the same back end in the host's memory.
#include <gmock/gmock.h>

#include <utility>

#include "model/masked_lm.h"
#include "support/fenced_backend.h"
#include "tiny.h"
#include "train/plan.h"

namespace tekio::test {
namespace {

struct DeviceMode {
  const char* name;
  MaskingRng rng = MaskingRng::counter;
  EvalMasking eval_masking = EvalMasking::frozen;
  int64_t accumulate = 1;
  NumberFormat dtype = NumberFormat::f32;
};

class Device : public TinyRun {
 protected:
  static MaskedLM open(bool fenced, NumberFormat dtype = NumberFormat::f32) {
    const auto make = [&](ThreadPool& pool) {
      auto cpu = make_cpu_backend(pool);
      return fenced ? make_fenced_backend(std::move(cpu)) : std::move(cpu);
    };
    const LoadOptions options{.dtype = dtype, .threads = 2};
    return MaskedLMImpl::wrap(std::make_shared<MaskedLMImpl>(TEKIO_GOLDEN_DIR "/tiny-distilbert", options, make));
  }

  /// Ten updates, an evaluation and a checkpoint after every second.
  TrainingOptions often(const std::string& run, const DeviceMode& mode) const {
    TrainingOptions o = options(run);
    o.masking_rng = mode.rng;
    o.eval_masking = mode.eval_masking;
    o.per_device_train_batch_size = 8 / mode.accumulate;
    o.gradient_accumulation_steps = mode.accumulate;
    o.save_strategy = o.eval_strategy = Interval::steps;
    o.save_steps = o.eval_steps = 2;
    o.prompts = {"ah ao [MASK] bc"};
    o.trace = (folder_ / (run + ".jsonl")).string();
    return o;
  }
  AdaptReport run(bool fenced, const TrainingOptions& o, NumberFormat dtype = NumberFormat::f32) const {
    MaskedLM model = open(fenced, dtype);
    return adapt(model, tokenizer(), split(), o);
  }

  void expect_same_files(const std::string& a, const std::string& b) const {
    for (const char* name :
         {"model.safetensors", "checkpoint-6/model.safetensors", "checkpoint-6/optimizer.safetensors",
          "checkpoint-10/model.safetensors", "checkpoint-10/optimizer.safetensors"})
      EXPECT_TRUE(bytes(folder_ / a / name) == bytes(folder_ / b / name)) << name;
  }
  static void expect_same(const AdaptReport& a, const AdaptReport& b) {
    EXPECT_EQ(a.before.loss, b.before.loss);
    EXPECT_EQ(a.after.loss, b.after.loss);
    EXPECT_EQ(a.train_loss, b.train_loss);
    ASSERT_EQ(a.evaluations.size(), b.evaluations.size());
    for (size_t i = 0; i < a.evaluations.size(); ++i)
      EXPECT_EQ(a.evaluations[i].evaluation.loss, b.evaluations[i].evaluation.loss);
    ASSERT_EQ(a.prompts.size(), b.prompts.size());
    for (size_t i = 0; i < a.prompts.size(); ++i) {
      expect_same(a.prompts[i].before, b.prompts[i].before);
      expect_same(a.prompts[i].after, b.prompts[i].after);
    }
  }
  static void expect_same(const std::vector<Prediction>& a, const std::vector<Prediction>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].token, b[i].token);
      EXPECT_EQ(a[i].score, b[i].score);
    }
  }
};

class DeviceModes : public Device, public ::testing::WithParamInterface<DeviceMode> {
 protected:
  void SetUp() override {
    Device::SetUp();
    ThreadPool pool(1);
    if (GetParam().dtype == NumberFormat::bf16 && !make_cpu_backend(pool)->has_bf16())
      GTEST_SKIP() << "this processor does not multiply bf16";
  }
};

TEST_P(DeviceModes, ARunHasTheHostsBits) {
  const AdaptReport host = run(false, often("host", GetParam()), GetParam().dtype);
  const AdaptReport fenced = run(true, often("fenced", GetParam()), GetParam().dtype);
  EXPECT_EQ(host.steps, 10);
  expect_same(fenced, host);
  expect_same_files("fenced", "host");
  EXPECT_EQ(bytes(folder_ / "fenced.jsonl"), bytes(folder_ / "host.jsonl"));
}

TEST_P(DeviceModes, AResumedRunEndsWithTheSameBits) {
  const AdaptReport whole = run(false, often("whole", GetParam()), GetParam().dtype);
  TrainingOptions o = often("resumed", GetParam());
  o.resume_from_checkpoint = (folder_ / "whole" / "checkpoint-4").string();
  expect_same(run(true, o, GetParam().dtype), whole);
  expect_same_files("resumed", "whole");
}

INSTANTIATE_TEST_SUITE_P(Modes, DeviceModes,
                         ::testing::Values(DeviceMode{.name = "counter"},
                                           DeviceMode{.name = "torch_cpu_fresh_accumulating",
                                                      .rng = MaskingRng::torch_cpu,
                                                      .eval_masking = EvalMasking::fresh,
                                                      .accumulate = 2},
                                           DeviceMode{.name = "bf16", .dtype = NumberFormat::bf16}),
                         [](const auto& given) { return std::string(given.param.name); });

TEST_F(Device, TheBestModelComesBack) {
  const auto rough = [&](const std::string& name) {
    TrainingOptions o = options(name);
    o.num_train_epochs = 12;
    o.learning_rate = 0.3;  // so rough that later epochs are worse than the best one
    o.lr_scheduler_type = LrScheduler::constant;
    o.load_best_model_at_end = true;
    o.save_total_limit = 1;
    o.eval_masking = EvalMasking::fresh;  // so that the best model is evaluated again
    return o;
  };
  const AdaptReport host = run(false, rough("host")), fenced = run(true, rough("fenced"));
  expect_same(fenced, host);
  EXPECT_TRUE(bytes(folder_ / "fenced" / "model.safetensors") == bytes(folder_ / "host" / "model.safetensors"));
  const Json state = json(folder_ / "fenced" / "trainer_state.json");
  EXPECT_NE(state["best_global_step"], state["global_step"]) << "the test needs a run whose last epoch is not its best";
}

TEST_F(Device, ACallbackMayFillAndSave) {
  std::vector<std::vector<Prediction>> filled[2];
  for (const bool fenced : {false, true}) {
    MaskedLM model = open(fenced);
    const FillMask fill(model, tokenizer());
    TrainingOptions o = options(fenced ? "fenced" : "host");
    o.on_evaluation = [&](const EvaluationPoint& r, RunControl&) {
      filled[fenced].push_back(fill("ah ao [MASK] bc"));
      model.save_pretrained(folder_ / (o.output_dir + "-" + std::to_string(r.step)));
    };
    adapt(model, tokenizer(), split(), o);
  }
  ASSERT_EQ(filled[0].size(), 2u);
  for (size_t i = 0; i < 2; ++i) expect_same(filled[1].at(i), filled[0][i]);
  for (const char* saved : {"-5", "-10"})
    EXPECT_TRUE(bytes(folder_ / ("fenced" + std::string(saved)) / "model.safetensors") ==
                bytes(folder_ / ("host" + std::string(saved)) / "model.safetensors"));
}

TEST_F(Device, EvaluatesFillsAndGivesLogits) {
  const MaskedLM host = open(false), fenced = open(true);
  const Chunks chunks = split().test;
  const EvaluationReport expected = evaluate(host, tokenizer(), chunks, {.batch_size = 5}),
                         found = evaluate(fenced, tokenizer(), chunks, {.batch_size = 5});
  EXPECT_EQ(found.loss, expected.loss);
  EXPECT_EQ(found.accuracy, expected.accuracy);
  expect_same(FillMask(fenced, tokenizer())("ah ao [MASK] bc"), FillMask(host, tokenizer())("ah ao [MASK] bc"));
  const std::vector<int32_t> ids = {101, 110, 117, 103, 102};
  EXPECT_EQ(fenced.logits(ids), host.logits(ids));
  fenced.save_pretrained(folder_ / "copy");
  EXPECT_TRUE(bytes(folder_ / "copy" / "model.safetensors") ==
              bytes(TEKIO_GOLDEN_DIR "/tiny-distilbert/model.safetensors"));
}

TEST_F(Device, FillsInBf16) {
  ThreadPool pool(1);
  if (!make_cpu_backend(pool)->has_bf16()) GTEST_SKIP() << "this processor does not multiply bf16";
  const MaskedLM host = open(false, NumberFormat::bf16), fenced = open(true, NumberFormat::bf16);
  expect_same(FillMask(fenced, tokenizer())("ah ao [MASK] bc"), FillMask(host, tokenizer())("ah ao [MASK] bc"));
  const std::vector<int32_t> ids = {101, 110, 117, 103, 102};
  EXPECT_EQ(fenced.logits(ids), host.logits(ids));
}

TEST_F(Device, IsPlannedWithoutALookAtTheHostsMemory) {
  const MaskedLM host = open(false), fenced = open(true);
  TrainingOptions o = options();
  const auto lines = [&](const MaskedLM& m) { return plan(m, tokenizer(), split(), o).memory; };
  EXPECT_EQ(lines(host).back().purpose, "checkpoint copy");  // of the host's, whatever the device has
  EXPECT_EQ(lines(host).back().bytes, 3 * lines(host).front().bytes);
  EXPECT_NE(lines(fenced).back().purpose, "checkpoint copy");
  o.save_strategy = Interval::no;
  EXPECT_EQ(plan(fenced, tokenizer(), split(), o).memory_bytes, plan(host, tokenizer(), split(), o).memory_bytes);
  EXPECT_TRUE(available_to(MaskedLMImpl::of(host).model().backend()).has_value());
  EXPECT_FALSE(available_to(MaskedLMImpl::of(fenced).model().backend()).has_value());
}

}  // namespace
}  // namespace tekio::test
