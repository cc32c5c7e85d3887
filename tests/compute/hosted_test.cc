// Verbs of a back end whose memory is its own, on tensors in the host's: the same bits as without. And the fence that
// stands for such a memory in tests holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "compute/arena.h"
#include "compute/outcome.h"
#include "support/fenced_backend.h"
#include "support/results.h"

namespace tekio::test {
namespace {

std::vector<OpCase> all_cases() {
  std::vector<OpCase> cases = kOddCases;
  for (const OpCase& c : in_bf16(kOddCases)) cases.push_back(c);
  return cases;
}

void expect_same_bits(Backend& got, Backend& expected, const std::vector<OpCase>& cases) {
  for (const OpCase& c : cases) {
    SCOPED_TRACE(c.text());
    expect_same_bits(run(c, got), run(c, expected));
  }
}

TEST(Hosted, GivesTheSameBitsFromAMemoryOfItsOwn) {
  const auto hosted = make_hosted_backend(make_fenced_backend(make_ref_backend()));
  EXPECT_EQ(hosted->name(), "ref");
  EXPECT_TRUE(hosted->memory().on_host());
  expect_same_bits(*hosted, *make_ref_backend(), all_cases());
}

TEST(Hosted, WorksOverAHostBackEndToo) {
  expect_same_bits(*make_hosted_backend(make_ref_backend()), *make_ref_backend(), kOddCases);
}

TEST(Hosted, KeepsAMatrixInTheLayoutOfTheBackEnd) {
  ThreadPool pool(2);
  const auto cpu = make_cpu_backend(pool);
  if (!cpu->has_bf16()) GTEST_SKIP() << "this processor does not multiply bf16";
  expect_same_bits(*make_hosted_backend(make_fenced_backend(make_cpu_backend(pool))), *cpu, in_bf16(kOddCases));
}

// In place, in part, and overlapping: the copies must lie as the originals do.
TEST(Hosted, OperandsMayShareMemory) {
  const auto hosted = make_hosted_backend(make_fenced_backend(make_ref_backend())), ref = make_ref_backend();
  std::vector<std::vector<float>> results;
  for (Backend* be : {hosted.get(), ref.get()}) {
    std::vector<float> numbers(4 * 6);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i) * 0.5f - 3;
    const Tensor all(numbers.data(), DType::f32, {4, 6});
    const std::vector<int32_t> labels = {1, 5, 0, 2};
    loss_of(*be, all, all, labels, 0.5f);                              // the gradient in place
    loss_of(*be, all.rows(1, 2), all.rows(1, 2), {&labels[1], 1}, 1);  // a part of the same
    const std::vector<int32_t> rows = {0, 2};
    be->gather_rows(all.rows(2, 4), all.rows(0, 3), rows);  // they overlap in row 2
    results.push_back(numbers);
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST(Checking, TriesABackEndWithAMemoryOfItsOwn) {
  const auto checking = make_checking_backend(make_ref_backend(), make_fenced_backend(make_ref_backend()), 0);
  expect_same_bits(*checking, *make_ref_backend(), all_cases());
}

TEST(Fence, KeepsTheProcessorOut) {
  const auto be = make_fenced_backend(make_ref_backend());
  Arena arena(64, "a test", be->memory());
  const Tensor t = arena.take(DType::f32, {4});
  EXPECT_DEATH(t.f32()[0] = 1, "");
  std::vector<float> numbers = {1, 2, 3, 4};
  be->memory().write(t.data, numbers.data(), t.bytes());
  EXPECT_EQ(squared_norm(*be, t), 30);
  EXPECT_EQ(squared_norms(*be, t), std::vector<double>{30});
  EXPECT_DEATH(t.f32()[0] = 1, "");
  be->zero(t.rows(1, 4));
  be->memory().read(numbers.data(), t.data, t.bytes());
  EXPECT_THAT(numbers, testing::ElementsAre(1, 0, 0, 0));
}

TEST(Fence, AVerbTakesWhatIsInsideOnly) {
  const auto be = make_fenced_backend(make_ref_backend());
  std::vector<float> numbers(4);
  EXPECT_THROW(be->zero(Tensor(numbers.data(), DType::f32, {4})), Error);
  EXPECT_THROW(be->memory().write(numbers.data(), numbers.data(), 4), Error);
  EXPECT_THROW(be->memory().read(numbers.data(), numbers.data(), 4), Error);
  Arena arena(64, "a test", be->memory());
  EXPECT_THROW(be->zero(Tensor(arena.data(), DType::f32, {17})), Error) << "beyond its end";
}

}  // namespace
}  // namespace tekio::test
