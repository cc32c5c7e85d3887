// Micro benchmarks over the same table of op cases that the tests use: time, GFLOP/s, GB/s and, for products, the share
// of the best product rate measured at the start.  build/…/ops_bench [--benchmark_filter=attention]
// [--benchmark_min_time=0.2]
#include <benchmark/benchmark.h>

#include "base/stopwatch.h"
#include "base/thread_pool.h"
#include "compute/cpu/cpu_features.h"
#include "compute/op_rig.h"
#include "compute/product_rate.h"
#include "compute/timing.h"

namespace {

using tekio::test::OpRig;

// Times one direction of a case. prepare() runs outside the clock before each, since some ops work in place, and
// backward needs what forward keeps. `phases`: where the back end writes down what its verbs must do.
template <typename Prepare, typename Run>
void time_op(benchmark::State& state, tekio::PhaseTimes& phases, double best, const Prepare& prepare, const Run& run) {
  phases.clear();
  double total = 0;
  for (auto _ : state) {
    phases.on = false;
    prepare();
    phases.on = true;
    const tekio::Stopwatch watch;
    run();
    const double took = watch.seconds();
    total += took;
    state.SetIterationTime(took);
  }
  double flops = 0, bytes = 0;
  for (size_t phase = 0; phase < tekio::kPhases; ++phase) {
    flops += phases[static_cast<tekio::Phase>(phase)].flops;
    bytes += phases[static_cast<tekio::Phase>(phase)].bytes;
  }
  state.counters["GFLOP/s"] = flops / total * 1e-9;
  state.counters["GB/s"] = bytes / total * 1e-9;
  state.counters["%product_rate"] = 100 * flops / total * 1e-9 / best;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  tekio::ThreadPool pool;
  tekio::PhaseTimes phases;
  const auto backend = tekio::make_timing_backend(tekio::make_cpu_backend(pool), phases);
  const bool has_bf16 = backend->has_bf16();
  const auto best_rate = [&](tekio::DType type) {
    return tekio::measure_product_rate(*backend, type, tekio::plain_product(*backend), 1).best;
  };
  const double best = best_rate(tekio::DType::f32), best_bf16 = has_bf16 ? best_rate(tekio::DType::bf16) : 0;
  const tekio::ProcessorReport processor = tekio::describe_processor();
  benchmark::AddCustomContext("processor", processor.model);
  benchmark::AddCustomContext("products", processor.products);
  benchmark::AddCustomContext("kernels", processor.kernels);
  benchmark::AddCustomContext("threads", std::to_string(pool.threads()));
  benchmark::AddCustomContext("product rate", fmt::format("{:.1f} GFLOP/s, bf16 {:.1f}", best, best_bf16));
  std::vector<tekio::test::OpCase> cases = tekio::test::everyday_cases();
  for (const auto& c : tekio::test::long_cases()) cases.push_back(c);
  if (has_bf16)
    for (const auto& c : tekio::test::in_bf16(cases)) cases.push_back(c);
  for (const tekio::test::OpCase& c : cases) {
    const double limit = c.type == tekio::DType::f32 ? best : best_bf16;
    const auto add = [&](const char* direction, auto body) {
      benchmark::RegisterBenchmark((c.text() + direction).c_str(), body)
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
    };
    add("/forward", [&backend, &phases, c, limit](benchmark::State& state) {
      OpRig rig(c);
      time_op(
          state, phases, limit, [&] { rig.restore(); }, [&] { rig.forward(*backend); });
    });
    if (!OpRig(c).has_backward() || c.op == tekio::test::Op::vocabulary_loss) continue;
    add("/backward", [&backend, &phases, c, limit](benchmark::State& state) {
      OpRig rig(c);
      const auto prepare = [&] {
        rig.restore();
        rig.forward(*backend);
      };
      time_op(state, phases, limit, prepare, [&] { rig.backward(*backend); });
    });
  }
  benchmark::RunSpecifiedBenchmarks();
}
