// Every op case: the fast back end against ref, for every instruction set and number of threads, and ref against
// central differences.
#include <gtest/gtest.h>

#include <cstring>

#include "base/thread_pool.h"
#include "compute/cpu/cpu_backend.h"
#include "compute/cpu/cpu_features.h"
#include "compute/instruction_sets.h"
#include "compute/op_rig.h"
#include "compute/outcome.h"
#include "compute/wide_logits.h"

namespace tekio::test {
namespace {

class OpTest : public testing::TestWithParam<OpCase> {
 protected:
  void SetUp() override {
    ThreadPool pool(1);
    if (GetParam().type == DType::f32 || make_cpu_backend(pool)->has_bf16()) return;
    const std::string limit = bf16_limit();
    ASSERT_FALSE(__builtin_cpu_supports("avx2") && (limit.empty() || limit == "TEKIO_CPU_FEATURES=avx2"))
        << "this processor should multiply bf16";
    GTEST_SKIP() << "this processor does not multiply bf16";
  }
};
INSTANTIATE_TEST_SUITE_P(Odd, OpTest, testing::ValuesIn(kOddCases), test_name);
INSTANTIATE_TEST_SUITE_P(OddBf16, OpTest, testing::ValuesIn(in_bf16(kOddCases)), test_name);

// Calls body(back end) for everything that multiplies numbers of this kind on this processor.
template <typename Body>
void with_each_multiplier(DType type, ThreadPool& pool, const Body& body) {
  const auto all = type == DType::f32 ? std::vector{kernels::Instructions::none} : kernels::all_instructions();
  for (const kernels::Instructions by : all) {
    SCOPED_TRACE(kernels::name_of(by));
    CpuBackend be(pool, by);
    body(be);
  }
}

TEST_P(OpTest, CpuIsRef) {
  ThreadPool pool(2);
  const Outcome expected = run(GetParam(), *make_ref_backend());
  with_each_multiplier(GetParam().type, pool,
                       [&](CpuBackend& be) { expect_near(run(GetParam(), be), expected, tolerance_of(GetParam())); });
}

TEST_P(OpTest, EveryInstructionSetIsRef) {
  ThreadPool pool(1);
  const Outcome expected = run(GetParam(), *make_ref_backend());
  with_each_instruction_set([&] {
    with_each_multiplier(GetParam().type, pool,
                         [&](CpuBackend& be) { expect_near(run(GetParam(), be), expected, tolerance_of(GetParam())); });
  });
}

TEST_P(OpTest, SameBitsAgainAndWithOtherThreads) {
  ThreadPool one(1), two(2), three(3);
  std::vector<Outcome> expected;
  with_each_multiplier(GetParam().type, two, [&](CpuBackend& be) {
    expected.push_back(run(GetParam(), be));
    expect_same_bits(run(GetParam(), be), expected.back());
  });
  for (ThreadPool* pool : {&one, &three}) {
    size_t i = 0;
    with_each_multiplier(GetParam().type, *pool,
                         [&](CpuBackend& be) { expect_same_bits(run(GetParam(), be), expected[i++]); });
  }
}

TEST(Attention, SameBitsWhereHeadsAreCutForManyThreads) {
  // Eight blocks and more a head, of fewer heads than threads; and more blocks than are worked on together.
  const OpCase all{.op = Op::attention, .lengths = {1000, 30}, .in = 40, .heads = 5, .rate = 0.1f};
  const OpCase window{.op = Op::attention, .lengths = {30, 1000}, .in = 40, .heads = 5, .window = 64, .rate = 0.1f};
  const OpCase some{.op = Op::attention_some, .lengths = {1100, 40}, .in = 8, .out = 1050, .heads = 1, .rate = 0.1f};
  const OpCase lengths{.op = Op::attention, .lengths = {1000, 1300}, .in = 16, .heads = 2, .rate = 0.1f};
  ThreadPool one(1), many(8);
  for (const DType type : {DType::f32, DType::bf16}) {
    if (type == DType::bf16 && !make_cpu_backend(one)->has_bf16()) continue;
    for (OpCase c : {all, window, some, lengths}) {
      c.type = type;
      SCOPED_TRACE(testing::PrintToString(c.lengths));
      std::vector<Outcome> expected;
      with_each_multiplier(type, one, [&](CpuBackend& be) { expected.push_back(run(c, be)); });
      size_t i = 0;
      with_each_multiplier(type, many, [&](CpuBackend& be) { expect_same_bits(run(c, be), expected[i++]); });
    }
  }
}

// Cases small enough to move every number (or one in fifty) of every input.
std::vector<OpCase> small_cases() {
  std::vector<OpCase> cases;
  for (const OpCase& c : kOddCases)
    if (c.n() * std::max(c.in, c.out) <= 1000 && OpRig(c).has_backward()) cases.push_back(c);
  return cases;
}
class GradientTest : public testing::TestWithParam<OpCase> {};
INSTANTIATE_TEST_SUITE_P(Small, GradientTest, testing::ValuesIn(small_cases()), test_name);

// d objective / d input, by moving single numbers of the input a little to both sides.
TEST_P(GradientTest, RefIsDifferences) {
  const OpCase& c = GetParam();
  const auto be = make_ref_backend();
  OpRig rig(c);
  rig.forward(*be);
  rig.backward(*be);
  for (const auto& input : rig.differentiable()) {
    std::vector<double> gradient(input.gradient->begin(), input.gradient->end());
    for (size_t i = 0; input.before != nullptr && i < gradient.size(); ++i) gradient[i] -= (*input.before)[i];
    double largest = 1e-3;
    for (const double g : gradient) largest = std::max(largest, std::abs(g));
    for (size_t i = 0; i < gradient.size(); i += 1 + gradient.size() / 50) {
      constexpr float kStep = 4e-3f;
      const auto at = [&](float move) {
        OpRig moved(c);
        for (const auto& same : moved.differentiable())
          if (same.name == input.name) (*same.values)[i] += move;
        moved.forward(*be);
        return moved.objective();
      };
      EXPECT_NEAR(gradient[i], (at(kStep) - at(-kStep)) / (2 * kStep), 1e-3 * largest) << input.name << "[" << i << "]";
    }
  }
}

TEST(WideLogits, CpuIsRef) {
  ThreadPool pool(2);
  for (const DType type : {DType::f32, DType::bf16}) {
    if (type == DType::bf16 && !make_cpu_backend(pool)->has_bf16()) continue;
    with_each_multiplier(type, pool, [&](CpuBackend& be) {
      EXPECT_EQ(be.logits_width(30522), 30522);
      expect_wide_as_narrow(be, type, *make_ref_backend());
    });
  }
}

TEST(Everyday, CpuIsRef) {
  ThreadPool pool(2);
  const auto cpu = make_cpu_backend(pool);
  const auto ref = make_ref_backend();
  for (const Op op : {Op::residual_norm, Op::attention, Op::attention_some, Op::vocabulary_loss}) {
    for (const OpCase& c : everyday_cases()) {
      if (c.op != op) continue;
      SCOPED_TRACE(c.text());
      expect_near(run(c, *cpu), run(c, *ref), tolerance_of(c));
    }
  }
}

}  // namespace
}  // namespace tekio::test
