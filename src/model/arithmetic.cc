// The choice of a number format, by measurement.
#include "model/arithmetic.h"

#include <time.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <optional>

#include "base/cache_folder.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "compute/cpu/bf16_kernel.h"
#include "compute/cpu/cpu_features.h"
#include "compute/varied_numbers.h"
#include "model/flops.h"
#include "model/kept_rates.h"
#include "model/load_options.h"
#include "model/mlm_network.h"

namespace tekio {
namespace {

std::string why_no_bf16() {
  const std::string limit = bf16_limit();
  return limit.empty() ? "this processor does not multiply bf16 (it lacks AVX2)"
                       : fmt::format("the environment's {} keeps this processor from multiplying bf16", limit);
}

// The name that people know a kernel by.
std::string shown(const std::string& kernel) {
  for (const kernels::Instructions by :
       {kernels::Instructions::fma, kernels::Instructions::avx512, kernels::Instructions::amx})
    if (kernel == kernels::name_of(by)) return kernels::shown_name_of(by);
  return kernel;
}

// The less, the rather taken.
int rank(const Arithmetic& a) {
  if (a.type == DType::f32) return 2;
  return a.kernel == "amx" ? 0 : a.kernel == "avx512" ? 1 : 3;
}

// Two layers of the model's sizes (its first two), of which the last is computed for masked tokens only, as a model's
// last is, and a small vocabulary. Models narrower than this are measured as this wide: their steps are too short to
// time.
ModelConfig sample_of(const ModelConfig& config) {
  constexpr int64_t kLeastWidth = 256, kMostEntries = 2048;
  ModelConfig sample = config;
  sample.layers = 2;
  sample.shared_layers = 0;
  sample.embedding_width = sample.width;
  sample.projects = false;
  if (!sample.attention.empty()) sample.attention.resize(2);
  if (sample.position_rule == PositionRule::behind_padding) sample.position_rule = PositionRule::index;
  sample.vocabulary = kMostEntries;
  sample.max_positions = 128;
  sample.type_vocabulary = 0;
  sample.padding_id = -1;
  if (config.width < kLeastWidth) {
    sample.width = sample.embedding_width = kLeastWidth;
    sample.inner = 4 * kLeastWidth;
    sample.heads = 4;
  }
  return sample;
}

// Chunks of which 15 % of the tokens are masked.
Batch sample_batch(const ModelConfig& config, int64_t sequences) {
  Batch batch;
  batch.padded_length = config.longest_input();
  batch.offsets.push_back(0);
  VariedNumbers numbers;
  for (int64_t i = 0; i < sequences * config.longest_input(); ++i) {
    const float drawn = (numbers.draw() + 1) / 2;  // [0, 1]
    batch.input_ids.push_back(static_cast<int32_t>(drawn * static_cast<float>(config.vocabulary - 1)));
    if (i % 20 < 3) {
      batch.masked_rows.push_back(static_cast<int32_t>(i));
      batch.labels.push_back(batch.input_ids.back());
    }
    if ((i + 1) % config.longest_input() == 0) batch.offsets.push_back(static_cast<int32_t>(i + 1));
  }
  return batch;
}

// As large as fresh weights are; drawn as these are it would take longer than what is timed.
void fill(ParameterSet& weights) {
  VariedNumbers numbers;
  const Tensor flat = weights.flat_to_change();
  constexpr int64_t kDrawn = 1 << 18;
  for (int64_t i = 0; i < flat.numel(); ++i)
    flat.f32()[i] = i < kDrawn ? 0.03f * numbers.draw() : flat.f32()[i - kDrawn];
}

std::vector<Arithmetic> candidates(const Backend& backend) {
  std::vector<Arithmetic> all = {{DType::f32}};
  for (const std::string& kernel : backend.bf16_kernels()) all.push_back({DType::bf16, kernel});
  return all;
}

class Measurement {
 public:
  Measurement(const ModelConfig& config, int threads)
      : config_(sample_of(config)),
        threads_(threads),
        processor_(describe_processor()),
        key_({{"tekio", TEKIO_VERSION},
              {"processor", processor_.model},
              {"kernels", processor_.kernels},
              {"products", processor_.products},
              {"threads", threads},
              {"family", static_cast<int>(config_.family)},
              {"width", config_.width},
              {"heads", config_.heads},
              {"inner", config_.inner}}) {}
  const Json& key() const { return key_; }

  // Where other work keeps threads from their processors, time on the clock says little, and the processors' own
  // counts; such a measurement is good for one run.
  struct Found {
    std::vector<StepRate> rates;
    bool undisturbed = true;
  };
  Found measure() const {
    ThreadPool pool(threads_);
    const std::unique_ptr<Backend> backend = make_cpu_backend(pool);
    MlmNetwork model(config_, *backend);
    fill(model.weights());
    // Enough rows for all threads, each of which takes blocks of 128.
    const int64_t sequences = std::clamp<int64_t>(threads_ / 2, 1, 16), length = config_.longest_input();
    const Batch batch = sample_batch(config_, sequences);
    const auto masked = static_cast<int64_t>(batch.masked_rows.size());
    const double masked_share = static_cast<double>(masked) / static_cast<double>(sequences * length);
    const double gflop = 1e-9 * static_cast<double>(sequences) * flops_per_chunk(config_, length, masked_share);
    const std::vector<Arithmetic> all = candidates(*backend);
    std::vector<StepTime> times;
    StepTime best = kForever;
    for (const Arithmetic& arithmetic : all) {
      if (!arithmetic.kernel.empty()) backend->use_bf16_kernel(arithmetic.kernel);
      model.prepare({.sequences = sequences, .length = length, .masked_rows = masked}, /*training=*/true,
                    arithmetic.type);
      times.push_back(time_steps(model, batch, best.clock));
      best.clock = std::min(best.clock, times.back().clock);
    }
    const auto threads = static_cast<double>(pool.threads());
    Found found;
    for (const StepTime& time : times)
      found.undisturbed = found.undisturbed && time.clock < 1.5 * time.processors / threads;
    for (size_t i = 0; i < all.size(); ++i)
      found.rates.push_back({all[i], gflop / (found.undisturbed ? times[i].clock : times[i].processors / threads)});
    return found;
  }

 private:
  struct StepTime {
    double clock, processors;  // seconds; of all threads together
  };
  static constexpr StepTime kForever = {std::numeric_limits<double>::infinity(),
                                        std::numeric_limits<double>::infinity()};
  static StepTime now() {
    const auto seconds = [](clockid_t clock) {
      timespec time{};
      ::clock_gettime(clock, &time);
      return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    };
    return {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
  }

  // The least of a few steps, after one that touches all memory; of fewer where it is nowhere near `best`, or takes
  // long.
  static StepTime time_steps(MlmNetwork& model, const Batch& batch, double best) {
    constexpr int kSteps = 4;
    constexpr double kEnoughSeconds = 0.3;
    StepTime least = kForever;
    double spent = 0;
    for (int i = -1; i < kSteps && spent < kEnoughSeconds; ++i) {
      const StepTime begun = now();
      model.forward(batch, {.seed = 1, .step = 1});
      model.backward(batch, 1 / static_cast<float>(batch.masked_rows.size()), {});
      const StepTime ended = now();
      if (i < 0) continue;
      least = {std::min(least.clock, ended.clock - begun.clock),
               std::min(least.processors, ended.processors - begun.processors)};
      spent += ended.clock - begun.clock;
      if (i > 0 && least.clock > 1.5 * best) break;
    }
    return least;
  }

  ModelConfig config_;
  int threads_;
  ProcessorReport processor_;
  Json key_;
};

// What this process has measured or read, so that all its runs take the same.
std::mutex known_mutex;
std::map<Json, std::vector<StepRate>>& known() {
  static std::map<Json, std::vector<StepRate>> rates;
  return rates;
}

// nullopt: there is no place to keep anything.
std::optional<KeptRates> kept(const Measurement& measurement) {
  const std::optional<std::filesystem::path> cache = cache_folder();
  if (!cache) return std::nullopt;
  return KeptRates(*cache / "arithmetic", measurement.key());
}

// Whether rates are those of everything that multiplies here.
bool is_whole(const std::vector<StepRate>& rates) {
  ThreadPool one(1);
  return std::ranges::equal(rates, candidates(*make_cpu_backend(one)), {}, &StepRate::arithmetic);
}

std::vector<StepRate> measure_and_keep(const Measurement& measurement) {
  Measurement::Found found = measurement.measure();
  try {
    if (const auto place = kept(measurement); place && found.undisturbed) place->write(found.rates);
  } catch (const std::exception&) {  // measured again next time
  }
  return known()[measurement.key()] = std::move(found.rates);
}

}  // namespace

const char* name_of(NumberFormat format) {
  for (const auto& [name, value] : number_format_names())
    if (value == format) return name.c_str();
  return "";
}

StepRate fastest(std::span<const StepRate> rates, std::optional<DType> type) {
  constexpr double kAlike = 0.98;
  double best = 0;
  const auto counts = [&](const StepRate& rate) { return !type || rate.arithmetic.type == *type; };
  for (const StepRate& rate : rates)
    if (counts(rate)) best = std::max(best, rate.gflops);
  const StepRate* taken = nullptr;
  for (const StepRate& rate : rates)
    if (counts(rate) && rate.gflops >= kAlike * best &&
        (taken == nullptr || rank(rate.arithmetic) < rank(taken->arithmetic)))
      taken = &rate;
  TEKIO_CHECK(taken != nullptr, "nothing was measured");
  return *taken;
}

std::string ArithmeticChoice::text() const {
  const DType other = taken.type == DType::f32 ? DType::bf16 : DType::f32;
  std::string within = taken.kernel.empty() ? "" : shown(taken.kernel);
  double here = 0;
  bool has_other = false;
  for (const StepRate& rate : rates) {
    if (rate.arithmetic == taken) here = rate.gflops;
    if (rate.arithmetic.type == other) has_other = true;
  }
  if (here > 0 && has_other)
    within += fmt::format("{}{:.0f} GFLOP/s; {}: {:.0f}", within.empty() ? "" : ", ", here, tekio::name_of(other),
                          fastest(rates, other).gflops);
  return within.empty() ? tekio::name_of(taken.type) : fmt::format("{} ({})", tekio::name_of(taken.type), within);
}

ArithmeticChoice choose_arithmetic(NumberFormat format, const Backend& backend, bool compared,
                                   const std::function<std::vector<StepRate>()>& measured) {
  const Backend::Bf16 bf16 = backend.bf16_products();
  if (format == NumberFormat::bf16 && bf16 == Backend::Bf16::absent)
    fail(ErrorKind::device, "--dtype is bf16, but {}; {}pass --dtype f32 or auto", why_no_bf16(),
         bf16_limit().empty() ? "" : "unset that, or ");
  if (format == NumberFormat::f32) return {{DType::f32}, message("--dtype asks for it"), {}};
  if (format == NumberFormat::bf16) {
    if (backend.bf16_kernels().size() < 2) {
      const auto names = backend.bf16_kernels();
      return {{DType::bf16, names.empty() ? "" : names.front()}, message("--dtype asks for it"), {}};
    }
    std::vector<StepRate> rates = measured();
    const Arithmetic taken = fastest(rates, DType::bf16).arithmetic;
    return {taken, message("--dtype asks for it"), std::move(rates)};
  }
  if (compared)
    return {{DType::f32}, "a run that draws from the reference's streams is to be compared with its runs", {}};
  switch (bf16) {
    case Backend::Bf16::absent:
      return {{DType::f32}, why_no_bf16(), {}};
    case Backend::Bf16::slow:
      return {{DType::f32}, fmt::format("{} multiplies bf16 no faster than f32", backend.name()), {}};
    case Backend::Bf16::fast:
      return {{DType::bf16}, fmt::format("{} multiplies bf16 faster than f32", backend.name()), {}};
    case Backend::Bf16::measured:
      break;
  }
  std::vector<StepRate> rates = measured();
  const Arithmetic taken = fastest(rates).arithmetic;
  return {taken, "training steps were measured to be fastest in it", std::move(rates)};
}

std::vector<StepRate> step_rates(const ModelConfig& config, int threads) {
  const Measurement measurement(config, threads);
  const std::lock_guard lock(known_mutex);
  if (const auto found = known().find(measurement.key()); found != known().end()) return found->second;
  if (const auto place = kept(measurement))
    if (std::optional<std::vector<StepRate>> rates = place->read(); rates && is_whole(*rates))
      return known()[measurement.key()] = std::move(*rates);
  return measure_and_keep(measurement);
}

std::vector<StepRate> measure_step_rates(const ModelConfig& config, int threads) {
  const Measurement measurement(config, threads);
  const std::lock_guard lock(known_mutex);
  return measure_and_keep(measurement);
}

}  // namespace tekio
