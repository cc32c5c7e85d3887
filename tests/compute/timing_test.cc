// The timing back end: results are those of the one that it runs, and each verb is counted in its phase with the work
// that its shapes ask for.
#include "compute/timing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/stopwatch.h"
#include "compute/forwarding.h"
#include "compute/op_rig.h"
#include "compute/product_rate.h"

namespace tekio::test {
namespace {

TEST(Timing, ResultsAreTheInnerOnes) {
  PhaseTimes times;
  const auto timing = make_timing_backend(make_ref_backend(), times);
  const auto ref = make_ref_backend();
  EXPECT_EQ(timing->name(), "ref");
  std::vector<OpCase> cases = kOddCases;
  for (const OpCase& c : in_bf16(kOddCases)) cases.push_back(c);
  for (const OpCase& c : cases) {
    SCOPED_TRACE(c.text());
    OpRig timed(c), alone(c);
    for (auto [rig, be] : {std::pair{&timed, timing.get()}, std::pair{&alone, ref.get()}}) {
      rig->forward(*be);
      if (rig->has_backward()) rig->backward(*be);
    }
    EXPECT_EQ(timed.objective(), alone.objective());
    for (size_t i = 0; i < timed.results().size(); ++i)
      EXPECT_EQ(*timed.results()[i].values, *alone.results()[i].values) << timed.results()[i].name;
  }
  for (size_t i = 0; i < kPhases; ++i)
    EXPECT_GT(times[static_cast<Phase>(i)].calls, 0) << name_of(static_cast<Phase>(i));
}

// The case's forward, then its backward, in a table of their own.
PhaseTimes times_of(const OpCase& c) {
  PhaseTimes times;
  const auto timing = make_timing_backend(make_ref_backend(), times);
  OpRig rig(c);
  rig.forward(*timing);
  if (rig.has_backward()) rig.backward(*timing);
  return times;
}

TEST(Timing, ProductsAreCountedAsTheArithmeticHasThem) {
  const PhaseTimes times = times_of({.op = Op::linear, .lengths = {5}, .in = 3, .out = 7});
  const PhaseTime& forward = times[Phase::products_forward];
  EXPECT_EQ(forward.calls, 1);
  EXPECT_EQ(forward.flops, 2 * 5 * 3 * 7);
  EXPECT_EQ(forward.bytes, 4 * (5 * 7 + 5 * 3 + 7 * 3 + 7));
  const PhaseTime& backward = times[Phase::products_backward];
  EXPECT_EQ(backward.flops, 2 * forward.flops);
  EXPECT_EQ(backward.bytes, 4 * (5 * 3 + 2 * (7 * 3 + 7) + 5 * 7 + 5 * 3 + 7 * 3));
  // Without a gradient of x only half is done; added to, it is read too.
  EXPECT_EQ(times_of({.op = Op::linear, .lengths = {5}, .in = 3, .out = 7, .optional = false})[Phase::products_backward]
                .flops,
            forward.flops);
  EXPECT_EQ(times_of({.op = Op::linear, .lengths = {5}, .in = 3, .out = 7, .into = Into::add})[Phase::products_backward]
                .bytes,
            backward.bytes + 4 * 5 * 3);
}

TEST(Timing, AnActivationsBackwardIsAPhaseOfItsOwn) {
  const PhaseTimes times = times_of({.op = Op::linear_activation, .lengths = {5}, .in = 3, .out = 7});
  EXPECT_EQ(times[Phase::activation].calls, 1);
  EXPECT_EQ(times[Phase::products_backward].calls, 1);
  EXPECT_EQ(times[Phase::activation].bytes, 4 * 3 * 5 * 7);
}

TEST(Timing, AttentionMeetsEachPairOfItsSequencesOnce) {
  const PhaseTimes times = times_of({.op = Op::attention, .lengths = {3, 4}, .in = 6, .heads = 2});
  EXPECT_EQ(times[Phase::attention_forward].flops, 4 * (3 * 3 + 4 * 4) * 6);
  EXPECT_EQ(times[Phase::attention_backward].flops, 8 * (3 * 3 + 4 * 4) * 6);
}

TEST(Timing, AttentionInAWindowMeetsWhatItSees) {
  const OpCase some{.op = Op::attention_some, .lengths = {5}, .in = 6, .out = 2, .heads = 2, .window = 1};  // 0 and 2
  EXPECT_EQ(times_of(some)[Phase::attention_forward].flops, 4 * (2 + 3) * 6);
  const PhaseTimes times = times_of({.op = Op::attention, .lengths = {5, 1}, .in = 6, .heads = 2, .window = 3});
  EXPECT_EQ(times[Phase::attention_forward].flops, 4 * (4 + 5 + 5 + 5 + 4 + 1) * 6);
}

TEST(Timing, TimeIsTheInnerOnesAndCanBeCleared) {
  PhaseTimes times;
  const auto timing = make_timing_backend(make_ref_backend(), times);
  OpRig rig({.op = Op::linear, .lengths = {64}, .in = 128, .out = 256});
  const Stopwatch watch;
  rig.forward(*timing);
  const double took = watch.seconds();
  EXPECT_GT(times[Phase::products_forward].seconds, took / 2) << "two million multiply-adds";
  EXPECT_LE(times[Phase::products_forward].seconds, took);
  EXPECT_EQ(times.seconds(), times[Phase::products_forward].seconds);
  times.clear();
  EXPECT_EQ(times.seconds(), 0);
  EXPECT_EQ(times[Phase::products_forward].calls, 0);
}

// A device that returns from a product at once and is done a while later.
class LateBackend final : public ForwardingBackend {
 public:
  LateBackend() : LateBackend(make_ref_backend()) {}
  void wait() override { std::this_thread::sleep_for(std::chrono::milliseconds(5)); }

 protected:
  using ForwardingBackend::run;
  void run(const verb::Linear&) override {}

 private:
  explicit LateBackend(std::unique_ptr<Backend> ref) : ForwardingBackend(*ref), ref_(std::move(ref)) {}
  std::unique_ptr<Backend> ref_;
};

TEST(Timing, TheTimeUntilADeviceIsDoneCounts) {
  PhaseTimes times;
  const auto timing = make_timing_backend(std::make_unique<LateBackend>(), times);
  OpRig rig({.op = Op::linear, .lengths = {3}, .in = 4, .out = 5});
  rig.forward(*timing);
  EXPECT_GE(times[Phase::products_forward].seconds, 0.005);
  LateBackend late;
  EXPECT_LE(measure_product_rate(late, DType::f32, plain_product(late), 0).best, 2.0 * 2048 * 768 * 768 / 0.005 * 1e-9);
}

}  // namespace
}  // namespace tekio::test
