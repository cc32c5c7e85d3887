// Signals that stop a run, also in the midst of products: what is computed stays right, and nobody's memory is written
// over.
#include "stop_signals.h"

#include <gtest/gtest.h>
#include <sys/time.h>

#include <atomic>
#include <chrono>
#include <vector>

#include "base/thread_pool.h"
#include "compute/backend.h"

namespace tekio::test {
namespace {

using cli::StopSignals;

std::atomic<int> alarms{0};

TEST(Signals, AreNotedAndGivenBack) {
  struct sigaction before {
  }, after{};
  stack_t stack{};
  sigaction(SIGTERM, nullptr, &before);
  {
    const StopSignals signals;
    EXPECT_EQ(StopSignals::received(), 0);
    sigaltstack(nullptr, &stack);
    EXPECT_EQ(stack.ss_flags & SS_DISABLE, 0);
    raise(SIGTERM);
    EXPECT_EQ(StopSignals::received(), SIGTERM);
  }
  sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST(Signals, DoNotDisturbProducts) {
  ThreadPool pool(2);
  const auto backend = make_cpu_backend(pool);
  constexpr int64_t kRows = 2048, kIn = 128, kOut = 768;  // products of 512 rows: from 256 on oneDNN copies panels
  std::vector<float> x(kRows * kIn), w(kOut * kIn), expected(kRows * kOut), y(kRows * kOut);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 13) - 6;
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i * 104729 % 11) - 5;
  const ConstTensor from(x.data(), DType::f32, {kRows, kIn});
  const Tensor weights(w.data(), DType::f32, {kOut, kIn});
  backend->linear(Tensor(expected.data(), DType::f32, {kRows, kOut}), from, weights, {});
  // SIGALRM every 0.3 ms, handled as StopSignals handles SIGTERM, but again and again.
  const StopSignals signals;
  struct sigaction action {
  }, before{};
  sigaction(SIGTERM, nullptr, &action);
  action.sa_flags &= ~static_cast<int>(SA_RESETHAND);
  action.sa_handler = [](int) { alarms.fetch_add(1, std::memory_order_relaxed); };
  sigaction(SIGALRM, &action, &before);
  const itimerval often{{0, 300}, {0, 300}}, never{};
  setitimer(ITIMER_REAL, &often, nullptr);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(800);
  while (std::chrono::steady_clock::now() < end) {
    backend->linear(Tensor(y.data(), DType::f32, {kRows, kOut}), from, weights, {});
    EXPECT_EQ(y, expected);
  }
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  EXPECT_GT(alarms, 100);
}

}  // namespace
}  // namespace tekio::test
