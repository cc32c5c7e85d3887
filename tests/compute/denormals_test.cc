// Denormal numbers (below 1.2e-38) are 0 to the processor's back end, cost it no time, and its setting is seen by
// nobody else.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "base/denormals.h"
#include "base/error.h"
#include "base/stopwatch.h"
#include "base/thread_pool.h"
#include "compute/backend.h"
#include "compute/instruction_sets.h"
#include "support/results.h"

namespace tekio::test {
namespace {

constexpr float kDenormal = 1e-39f, kSmallest = std::numeric_limits<float>::min();

Tensor tensor(std::vector<float>& values, std::initializer_list<int64_t> shape) {
  return {values.data(), DType::f32, shape};
}

// A product, a bias's gradient, a norm's and an optimizer's step meet denormal operands or results.
TEST(Denormals, AreZeroOnTheProcessorAndNumbersToTheSpecification) {
  with_each_instruction_set([] {
    ThreadPool pool(2);
    for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
      SCOPED_TRACE(be->name());
      const float kept = be->name() == "cpu" ? 0.0f : 1.0f;
      std::vector<float> x(20 * 16, kDenormal), w(16 * 16), y(20 * 16, 1.0f);
      for (size_t i = 0; i < 16; ++i) w[i * 17] = 1;
      be->linear(tensor(y, {20, 16}), tensor(x, {20, 16}), tensor(w, {16, 16}), {});
      EXPECT_EQ(y, std::vector<float>(y.size(), kept * kDenormal)) << "an operand";
      std::vector<float> small(x.size(), kSmallest);
      for (size_t i = 0; i < 16; ++i) w[i * 17] = 0.25f;
      be->linear(tensor(y, {20, 16}), tensor(small, {20, 16}), tensor(w, {16, 16}), {});
      EXPECT_EQ(y, std::vector<float>(y.size(), kept * 0.25f * kSmallest)) << "a result";

      std::vector<float> d_w(16 * 16), d_b(16);
      be->linear_backward({}, tensor(d_w, {16, 16}), tensor(d_b, {16}), tensor(x, {20, 16}), tensor(x, {20, 16}),
                          tensor(w, {16, 16}));
      for (const float sum : d_b) EXPECT_NEAR(sum, kept * 20 * kDenormal, 1e-44) << "a column's sum";

      std::vector<float> d_x(x.size()), normalized(x.size(), 1.0f), rstd(20, 1.0f), weight(16, 1.0f), bias(16),
          d_weight(16), d_bias(16);
      be->norm_backward(tensor(d_x, {20, 16}), {tensor(d_weight, {16}), tensor(d_bias, {16})}, tensor(x, {20, 16}),
                        {tensor(normalized, {20, 16}), tensor(rstd, {20})},
                        {tensor(weight, {16}), tensor(bias, {16}), 1e-5f});
      for (const float sum : d_bias) EXPECT_NEAR(sum, kept * 20 * kDenormal, 1e-44) << "a norm's bias";

      std::vector<float> p(300, 1.0f), m(300, 4e-39f), v(300, 4e-39f), g(300);
      adamw(*be, tensor(p, {300}), tensor(m, {300}), tensor(v, {300}), tensor(g, {300}),
            {1e-3, 0.9, 0.999, 1e-8, 0, 5});
      EXPECT_EQ(std::ranges::count(m, 0.0f), kept == 0 ? 300 : 0) << "moments fade to 0";
      EXPECT_EQ(std::ranges::count(v, 0.0f), kept == 0 ? 300 : 0);
      EXPECT_EQ(p, std::vector<float>(300, 1.0f)) << "which no parameter sees";
    }
  });
}

bool flushed_in_any_thread(ThreadPool& pool) {
  std::atomic<int> flushed = 0;
  pool.for_each(64, [&](int64_t, int) { flushed += FlushDenormals::is_on() ? 1 : 0; });
  return flushed != 0;
}

TEST(Denormals, AreTheCallersBusinessAgainAfterwards) {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const auto be = make_cpu_backend(pool);
    std::vector<float> x(64 * 64, 1.0f), y(64 * 64);
    const auto compute = [&] {
      be->linear(tensor(y, {64, 64}), tensor(x, {64, 64}), tensor(x, {64, 64}), {});
      squared_norm(*be, tensor(y, {64, 64}));
    };
    ASSERT_FALSE(FlushDenormals::is_on());
    compute();
    EXPECT_FALSE(FlushDenormals::is_on());
    EXPECT_FALSE(flushed_in_any_thread(pool)) << "work of other kinds on the same threads";
    volatile float small = kSmallest;
    EXPECT_GT(small * 0.5f, 0.0f);

    const FlushDenormals wanted;
    compute();
    EXPECT_TRUE(FlushDenormals::is_on()) << "a caller that flushes goes on so";
  }
}

TEST(Denormals, AreRestoredWhenAnErrorPassesThrough) {
  ASSERT_FALSE(FlushDenormals::is_on());
  EXPECT_THROW(
      {
        const FlushDenormals flush;
        fail(ErrorKind::bug, "on its way");
      },
      Error);
  EXPECT_FALSE(FlushDenormals::is_on());
}

// A trained model's gradients fade into the denormal numbers. Where an operation on one needs an assist, the second
// product takes much longer than the first.
TEST(Denormals, CostNoTime) {
  constexpr int64_t kRows = 256, kWidth = 256;
  ThreadPool pool(1);
  const auto be = make_cpu_backend(pool);
  std::vector<float> ordinary(kRows * kWidth), fading(ordinary.size()), w(kWidth * kWidth, 0.01f), d_w(w.size()),
      d_x(ordinary.size()), kept(ordinary.size());
  for (size_t i = 0; i < ordinary.size(); ++i) {
    ordinary[i] = std::sin(static_cast<float>(i));
    fading[i] = ordinary[i] * kSmallest;
    kept[i] = 6 * ordinary[i];
  }
  const auto seconds = [&](const std::vector<float>& gradient) {
    double best = 1e9;
    for (int i = 0; i < 7; ++i) {
      std::vector<float> d_y = gradient;
      std::ranges::fill(d_w, 0.0f);
      const Stopwatch watch;
      be->linear_activation_backward(tensor(d_x, {kRows, kWidth}), tensor(d_w, {kWidth, kWidth}), {},
                                     tensor(d_y, {kRows, kWidth}), tensor(kept, {kRows, kWidth}),
                                     tensor(ordinary, {kRows, kWidth}), tensor(w, {kWidth, kWidth}), Activation::gelu);
      best = std::min(best, watch.seconds());
    }
    return best;
  };
  seconds(ordinary);
  EXPECT_LT(seconds(fading), 2.5 * seconds(ordinary));
}

}  // namespace
}  // namespace tekio::test
