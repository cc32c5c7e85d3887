// Runs on a GPU beside the same runs on the processor: the same masks and dropout, so the same curve but for rounding.
// Without a GPU they run where the processor carries out the kernels (tests/emulated_cuda).
#include <gtest/gtest.h>

#include "compute/cuda.h"
#include "tiny.h"

namespace tekio::test {
namespace {

class CudaRun : public TinyRun {
 protected:
  void SetUp() override {
    if (!cuda_problem().empty()) GTEST_SKIP() << "there is no usable GPU";
    TinyRun::SetUp();
  }
  static MaskedLM open(const std::string& device, NumberFormat dtype) {
    return MaskedLM::from_pretrained(TEKIO_GOLDEN_DIR "/tiny-distilbert",
                                     {.device = device, .dtype = dtype, .threads = 2});
  }
  AdaptReport run(const std::string& device, const TrainingOptions& o, NumberFormat dtype = NumberFormat::f32) const {
    MaskedLM model = open(device, dtype);
    return adapt(model, tokenizer(), split(), o);
  }
  TrainingOptions traced(const std::string& name) const {
    TrainingOptions o = options(name);
    o.save_strategy = o.eval_strategy = Interval::steps;
    o.save_steps = o.eval_steps = 4;
    o.trace = (folder_ / (name + ".jsonl")).string();
    return o;
  }
  void expect_near_curves(const std::string& a, const std::string& b, double relative) const {
    const std::vector<Json> one = lines(folder_ / (a + ".jsonl")), other = lines(folder_ / (b + ".jsonl"));
    ASSERT_EQ(one.size(), other.size());
    ASSERT_GT(one.size(), 0u);
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_EQ(one[i]["batches"], other[i]["batches"]) << "masks of update " << i + 1;
      const double loss = other[i]["loss"];
      EXPECT_NEAR(one[i]["loss"].get<double>(), loss, relative * loss) << "update " << i + 1;
    }
  }
};

TEST_F(CudaRun, InFloat32TheCurveIsTheProcessors) {
  const AdaptReport cuda = run("cuda", traced("cuda")), cpu = run("cpu", traced("cpu"));
  expect_near_curves("cuda", "cpu", 1e-5);
  EXPECT_NEAR(cuda.before.loss, cpu.before.loss, 1e-5 * cpu.before.loss);
  EXPECT_NEAR(cuda.after.loss, cpu.after.loss, 1e-5 * cpu.after.loss);
}

TEST_F(CudaRun, InBf16TheCurveIsNearFloat32s) {
  const AdaptReport rounded = run("cuda", traced("cuda"), NumberFormat::bf16), cpu = run("cpu", traced("cpu"));
  expect_near_curves("cuda", "cpu", 0.02);
  EXPECT_GT(std::abs(rounded.after.loss - cpu.after.loss), 1e-5 * cpu.after.loss) << "was it bf16?";
}

TEST_F(CudaRun, AResumedRunEndsWithTheSameBits) {
  run("cuda", traced("whole"));
  TrainingOptions o = traced("resumed");
  o.resume_from_checkpoint = (folder_ / "whole" / "checkpoint-4").string();
  run("cuda", o);
  for (const char* file : {"model.safetensors", "checkpoint-8/optimizer.safetensors"})
    EXPECT_TRUE(bytes(folder_ / "resumed" / file) == bytes(folder_ / "whole" / file)) << file;
}

TEST_F(CudaRun, ARunGoesOnOnTheOtherDevice) {
  const AdaptReport whole = run("cpu", traced("whole"));
  for (const auto& [first, second] : {std::pair("cuda", "cpu"), std::pair("cpu", "cuda")}) {
    const std::string begun = std::string(first) + "_begun", resumed = std::string(first) + "_resumed";
    run(first, traced(begun));
    TrainingOptions o = traced(resumed);
    o.resume_from_checkpoint = (folder_ / begun / "checkpoint-4").string();
    EXPECT_NEAR(run(second, o).after.loss, whole.after.loss, 1e-5 * whole.after.loss) << first << " to " << second;
  }
}

}  // namespace
}  // namespace tekio::test
