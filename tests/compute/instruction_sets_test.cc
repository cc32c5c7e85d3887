// That tests of every instruction set do what they say: each set runs kernels of its own, and none is left out unseen.
#include "compute/instruction_sets.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/thread_pool.h"
#include "compute/backend.h"
#include "support/results.h"

namespace tekio::test {
namespace {

// A sum's last bits tell how many lanes it was gathered in.
TEST(InstructionSets, RunKernelsOfTheirOwn) {
  ThreadPool pool(1);
  const auto be = make_cpu_backend(pool);
  std::vector<float> x(50000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i));
  const auto sum = [&] { return squared_norm(*be, Tensor(x.data(), DType::f32, {static_cast<int64_t>(x.size())})); };
  const double best = sum();
  std::vector<double> sums;
  with_each_instruction_set([&] { sums.push_back(sum()); });
  EXPECT_EQ(sums.front(), best) << "what runs by default";
  EXPECT_EQ(sum(), best) << "afterwards it runs again";
  std::sort(sums.begin(), sums.end());
  EXPECT_EQ(std::adjacent_find(sums.begin(), sums.end()), sums.end());
}

// Ranks that have some blocks of the gradients come to the norm that one which has all comes to.
TEST(InstructionSets, SumBlocksOfTheNormApart) {
  ThreadPool pool(1);
  const auto be = make_cpu_backend(pool);
  std::vector<float> x(3 * kNormBlock + 777);
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i));
  const Tensor whole(x.data(), DType::f32, {static_cast<int64_t>(x.size())});
  with_each_instruction_set([&] {
    const std::vector<double> sums = squared_norms(*be, whole);
    ASSERT_EQ(sums.size(), 4u);
    double sum = 0;
    for (int64_t block = 0; block < 4; ++block) {
      const Tensor part = whole.rows(block * kNormBlock, std::min((block + 1) * kNormBlock, whole.numel()));
      EXPECT_EQ(squared_norms(*be, part), std::vector<double>{sums[static_cast<size_t>(block)]});
      sum += sums[static_cast<size_t>(block)];
    }
    EXPECT_EQ(squared_norm(*be, whole), sum);
    EXPECT_EQ(squared_norms(*be, whole.rows(kNormBlock, 3 * kNormBlock)), (std::vector<double>{sums[1], sums[2]}));
  });
}

TEST(InstructionSets, AreAllThere) {
  for (const int64_t set : kInstructionSets)
    if (!processor_has(set)) GTEST_SKIP() << "this processor lacks " << hwy::TargetName(set);
}

}  // namespace
}  // namespace tekio::test
