// The limit is measured between the steps, so that both see the same machine.
#include "measured_step.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "base/random/counter.h"
#include "base/stopwatch.h"
#include "base/thread_pool.h"
#include "bench.h"
#include "compute/product_rate.h"
#include "compute/timing.h"
#include "memory_rate.h"
#include "model/arithmetic.h"
#include "model/family.h"
#include "model/mlm_network.h"
#include "model/model_folder.h"
#include "train/gradient_sum.h"
#include "train/optimizer.h"
#include "train/plan.h"

namespace tekio::cli {
namespace {

constexpr double kMaskedShare = 0.15;
constexpr int64_t kWarmUpSteps = 1;  // touches all memory and prepares every product

// Random ids in chunks of one length. Just so many of them are masked (each as likely as another), so that all steps
// are equal work: 8 of 10 become one and the same token, 1 of 10 another, 1 of 10 stays, as masking has it.
Batch random_batch(const ModelConfig& config, int64_t sequences, int64_t length, uint64_t seed, uint64_t number) {
  const auto v = static_cast<uint64_t>(config.vocabulary);
  const auto mask_id = static_cast<int32_t>(std::min<uint64_t>(103, v - 1));
  const int64_t n = sequences * length;
  int64_t wanted = std::max<int64_t>(1, static_cast<int64_t>(kMaskedShare * static_cast<double>(n) + 0.5));
  Batch batch;
  batch.padded_length = length;
  for (int64_t k = 0; k <= sequences; ++k) batch.offsets.push_back(static_cast<int32_t>(k * length));
  for (int64_t i = 0; i < n; ++i) {
    const RandomWords words = random_words(
        random_key(seed, number), {static_cast<uint32_t>(i), 0, 0, static_cast<uint32_t>(RandomUse::benchmark) << 24});
    const auto id = static_cast<int32_t>(words[0] * v >> 32);
    batch.input_ids.push_back(id);
    if ((static_cast<uint64_t>(words[1]) * static_cast<uint64_t>(n - i)) >> 32 >= static_cast<uint64_t>(wanted))
      continue;
    --wanted;
    batch.masked_rows.push_back(static_cast<int32_t>(i));
    batch.labels.push_back(id);
    const float kind = to_unit_float(words[2]);
    if (kind < 0.9f) batch.input_ids.back() = kind < 0.8f ? mask_id : static_cast<int32_t>(words[3] * v >> 32);
  }
  return batch;
}

// What was measured.
struct Steps {
  ArithmeticChoice arithmetic;
  std::vector<double> seconds, product_rates;
  PhaseTimes phases;  // of clocked steps, which are the measured ones, but not on a device
  int64_t clocked = 0;
  double clocked_seconds = 0;
  int64_t masked = 0;
  double loss = 0;  // of the last step, a mean over masked tokens
  // On several ranks: what a step exchanges, how long it waits for that, and how long that takes with nothing beside
  // it.
  int64_t exchanged_numbers = 0;
  std::vector<double> waited_seconds, exchange_seconds;
};

class StepMeasurement {
 public:
  StepMeasurement(const StepJob& job, const Common& common, Communicator& ranks)
      : job_(job), common_(common), ranks_(ranks) {}

  OrderedJson measure(const ModelConfig& config, const fs::path& folder) const {
    ThreadPool pool(common_.threads);
    std::unique_ptr<Backend> inner = make_backend(common_.computes_on(), pool);
    Backend& plain = *inner;
    Steps steps;
    const std::unique_ptr<Backend> backend = make_timing_backend(std::move(inner), steps.phases);
    steps.arithmetic = choose(config, *backend, pool.threads());
    if (!steps.arithmetic.taken.kernel.empty()) backend->use_bf16_kernel(steps.arithmetic.taken.kernel);
    const DType type = steps.arithmetic.taken.type;
    MlmNetwork model(config, *backend);
    if (folder.empty())
      initialize_weights(config, model.weights(), common_.seed);
    else
      load_weights(folder, config, model.weights(), common_.seed);
    const BatchLimits limits = batch_limits(job_.batch_size, job_.length, {.mlm_probability = kMaskedShare});
    MemoryPlan memory = MlmNetwork::plan(config, *backend, limits, !job_.eval, /*explicit_dropout=*/false, type);
    model.prepare(limits, !job_.eval, type);
    const std::unique_ptr<RankSums> sums = make_rank_sums(ranks_, backend->memory());
    std::optional<GradientSum> sum;
    std::optional<Optimizer> optimizer;
    if (!job_.eval) {
      const GradientSumLimits update{.micro_batches = ranks_.size(), .tokens = ranks_.size() * tokens()};
      sum.emplace(model, *sums, update);
      GradientSum::add_to(memory, config, update);
      if (ranks_.size() > 1)
        memory.add("exchange",
                   exchange_bytes(backend->memory(), ParameterSet::bytes(config), ranks_.count(), Wire::f32));
      optimizer.emplace(*backend, config, OptimizerOptions());
      memory.add("moments", Optimizer::most_moment_bytes(config, 1));
    }
    run_steps(plain, model, sum ? &*sum : nullptr, optimizer ? &*optimizer : nullptr, steps);
    return report(config, folder, pool.threads(), plain, memory, model.weights().count(), steps);
  }

 private:
  ArithmeticChoice choose(const ModelConfig& config, const Backend& backend, int threads) const {
    if (job_.kernel.empty())
      return choose_arithmetic(common_.dtype, backend, /*compared=*/false, [&] { return step_rates(config, threads); });
    if (job_.kernel == "f32") return {{DType::f32}, "", {}};
    const std::vector<std::string> here = backend.bf16_kernels();
    if (std::ranges::find(here, job_.kernel) == here.end())
      fail(ErrorKind::device, "--kernel {}: {} has f32{}{} here", job_.kernel, backend.name(), here.empty() ? "" : ", ",
           fmt::join(here, ", "));
    return {{DType::bf16, job_.kernel}, "", {}};
  }

  int64_t tokens() const { return job_.batch_size * job_.length; }

  void run_steps(Backend& plain, MlmNetwork& model, GradientSum* sum, Optimizer* optimizer, Steps& steps) const {
    // Verbs on a device run beside each other's making, unless they are clocked: it is measured without, then clocked.
    const bool apart = !plain.memory().on_host();
    const int64_t measured = kWarmUpSteps + job_.steps, all = measured + (apart ? job_.steps : 0);
    Progress progress(job_.eval ? " evaluating" : " training", all, "tokens");
    const Arena losses(Arena::size_of_tensor(DType::f64, {kLabelLoss}), "the loss", plain.memory());
    for (int64_t step = 0; step < all; ++step) {
      if (step == kWarmUpSteps) {
        steps.phases.clear();
        steps.seconds.clear();
        steps.waited_seconds.clear();
        steps.exchange_seconds.clear();
      }
      steps.phases.on = !apart || step >= measured;
      const Batch batch = random_batch(model.config(), job_.batch_size, job_.length, common_.seed,
                                       static_cast<uint64_t>(step * ranks_.size() + ranks_.rank()));
      steps.product_rates.push_back(product_rate(plain, steps));
      plain.wait();
      ranks_.gather("");  // all begin at once
      const Stopwatch watch;
      const RowLosses rows = job_.eval ? model.evaluate(batch) : RowLosses();
      if (!job_.eval) train(model, *sum, *optimizer, batch, step, losses.data());
      plain.wait();
      const double took = watch.seconds();
      if (step < measured) steps.seconds.push_back(took);
      if (step >= kWarmUpSteps && steps.phases.on) {
        ++steps.clocked;
        steps.clocked_seconds += took;
      }
      steps.masked = static_cast<int64_t>(batch.masked_rows.size());
      steps.loss = loss_of(plain, rows, losses.data()) / static_cast<double>(steps.masked);
      if (sum != nullptr && ranks_.size() > 1) time_exchange(*sum, batch, steps);
      progress.update(step + 1, (step + 1) * tokens());
    }
    steps.product_rates.push_back(product_rate(plain, steps));
  }

  /// Of an evaluation's rows, or a training step's sum.
  static double loss_of(Backend& plain, const RowLosses& rows, const void* sum) {
    LabelLoss loss;
    plain.memory().read(&loss, sum, sizeof loss);
    for (size_t i = 0; i < rows.size(); ++i) loss += rows[i];
    return loss.loss;
  }

  static double product_rate(Backend& plain, const Steps& steps) {
    return measure_product_rate(plain, steps.arithmetic.taken.type, plain_product(plain), 0.1).best;
  }

  GradientSum::Update update_of(const Batch& batch) const {
    GradientSum::Update update{.micro_batches = ranks_.size(), .givers = ranks_.size()};
    if (ranks_.size() == 1) return update;
    const Batch* const own = &batch;
    const std::vector<int32_t> ids = GradientSum::distinct_ids({&own, 1});
    for (const std::string& theirs :
         ranks_.gather({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(int32_t)})) {
      const size_t before = update.looked_up.size();
      update.looked_up.resize(before + theirs.size() / sizeof(int32_t));
      std::memcpy(update.looked_up.data() + before, theirs.data(), theirs.size());
    }
    std::ranges::sort(update.looked_up);
    update.looked_up.erase(std::unique(update.looked_up.begin(), update.looked_up.end()), update.looked_up.end());
    return update;
  }

  // What the step waited for, and then the same exchange with nothing beside it.
  void time_exchange(GradientSum& sum, const Batch& batch, Steps& steps) const {
    steps.waited_seconds.push_back(sum.exchanged().waited_seconds);
    GradientSum::Update update = update_of(batch);
    update.own = 0;
    sum.begin(std::move(update));
    sum.end();
    steps.exchange_seconds.push_back(sum.exchanged().waited_seconds);
    steps.exchanged_numbers = sum.exchanged().numbers;
  }

  // The trainer's update of one batch on each rank. This rank's loss, summed over masked tokens, goes to `loss`.
  void train(MlmNetwork& model, GradientSum& sum, Optimizer& optimizer, const Batch& batch, int64_t step,
             void* loss) const {
    constexpr double kLearningRate = 2e-5;
    sum.begin(update_of(batch));
    const auto masked = static_cast<float>(static_cast<int64_t>(batch.masked_rows.size()) * ranks_.size());
    sum.add(batch, {.seed = common_.seed, .step = static_cast<uint64_t>(step)}, 1 / masked,
            Tensor(loss, DType::f64, {kLabelLoss}));
    sum.end();
    optimizer.update(model.weights(), model.gradients(), kLearningRate, step + 1);
  }

  OrderedJson report(const ModelConfig& config, const fs::path& folder, int threads, Backend& plain,
                     const MemoryPlan& memory, int64_t parameters, const Steps& steps) const {
    const int64_t peak = peak_memory_mib();  // before the memory's rate takes its own
    const auto own = static_cast<double>(tokens()), all = own * ranks_.size();
    const double masked_share = static_cast<double>(steps.masked) / own;
    const double flops =
        static_cast<double>(job_.batch_size) * flops_per_chunk(config, job_.length, masked_share) / (job_.eval ? 3 : 1);
    const double seconds = median(steps.seconds);
    const double limit = *std::max_element(steps.product_rates.begin(), steps.product_rates.end());
    const auto count = static_cast<double>(steps.clocked);
    OrderedJson phases = OrderedJson::object();
    for (size_t i = 0; i < kPhases; ++i) {
      const PhaseTime& time = steps.phases[static_cast<Phase>(i)];
      if (time.calls == 0) continue;
      phases[name_of(static_cast<Phase>(i))] = {{"seconds", time.seconds / count},
                                                {"share", time.seconds / steps.clocked_seconds},
                                                {"gflop", time.flops / count * 1e-9},
                                                {"bytes", static_cast<int64_t>(time.bytes / count)}};
    }
    phases["other"] = {{"seconds", (steps.clocked_seconds - steps.phases.seconds()) / count},
                       {"share", 1 - steps.phases.seconds() / steps.clocked_seconds}};
    OrderedJson plan = OrderedJson::object();
    for (const MemoryPlan::Line& line : memory.lines) plan[json_key(line.purpose)] = line.bytes;
    plan["total"] = memory.total();
    OrderedJson report = {{"what", job_.eval ? "eval" : "step"},
                          {"world_size", ranks_.size()},
                          {"model", folder.empty() ? "DistilBERT-base's size, random weights" : folder.string()},
                          {"family", table_of(config.family).shown},
                          {"parameters", parameters},
                          {"device", plain.name()},
                          {"dtype", tekio::name_of(steps.arithmetic.taken.type)},
                          {"kernel", steps.arithmetic.taken.kernel},
                          {"arithmetic", steps.arithmetic.text()},
                          {"threads", threads},
                          {"batch", job_.batch_size},
                          {"length", job_.length},
                          {"masked_tokens", steps.masked},
                          {"steps", steps.seconds.size()},
                          {"tokens_per_second", all / seconds},
                          {"best", all / *std::min_element(steps.seconds.begin(), steps.seconds.end())},
                          {"worst", all / *std::max_element(steps.seconds.begin(), steps.seconds.end())},
                          {"seconds", seconds},
                          {"mflop_per_token", flops / own * 1e-6},
                          {"gflops", flops / seconds * 1e-9},
                          {"limit_gflops", limit},
                          {"limit_gflops_median", median(steps.product_rates)},
                          {"share_of_limit", flops / seconds * 1e-9 / limit},
                          {"memory_gb_per_second", measure_memory_rate(plain)},
                          {"loss", steps.loss},
                          {"peak_mib", peak},
                          {"memory_plan", plan},
                          {"phases", phases}};
    if (!steps.exchange_seconds.empty()) report["exchange"] = exchange(steps);
    return report;
  }

  OrderedJson exchange(const Steps& steps) const {
    const double size = ranks_.size(), bytes = 4 * static_cast<double>(steps.exchanged_numbers);
    const double alone = median(steps.exchange_seconds), waited = median(steps.waited_seconds);
    return {{"bytes", static_cast<int64_t>(bytes)},
            {"moved_bytes", static_cast<int64_t>(2 * (size - 1) / size * bytes)},
            {"seconds_alone", alone},
            {"seconds_waited", waited},
            {"hidden_share", alone > 0 ? std::max(0.0, 1 - waited / alone) : 1}};
  }

  const StepJob& job_;
  const Common& common_;
  Communicator& ranks_;
};

}  // namespace

OrderedJson measure_step(const StepJob& job, const Common& common, const ModelConfig& config,
                         const std::filesystem::path& folder, Communicator& ranks) {
  return StepMeasurement(job, common, ranks).measure(config, folder);
}

}  // namespace tekio::cli
