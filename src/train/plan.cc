// The arithmetic behind the estimate, in multiply-adds forward (backward has twice as many): a layer's keys and values
// 2 C^2 a token; its queries, output and feed-forward 2 C^2 + 2 C I and attention's scores and mix 2 T C a token whose
// output is wanted, which in the last layer is a masked one; the head C^2 + C V a masked token.
#include "train/plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/log.h"
#include "base/memory.h"
#include "compute/product_rate.h"

namespace tekio {
namespace {

/// Share of a product's rate that a whole step reaches: norms, softmax, GELU and the optimizer take their time too.
constexpr double kShareOfProductRate = 0.7;

}  // namespace

BatchLimits batch_limits(int64_t batch_size, int64_t chunk_size, double mlm_probability, bool whole_word,
                         double wwm_probability) {
  const auto tokens = static_cast<double>(batch_size * chunk_size);
  const double p = whole_word ? wwm_probability : mlm_probability;
  // A word's tokens are masked together: the deviation of words of w tokens is sqrt(w) times that of single tokens; w =
  // 4 is plenty.
  const double deviation = std::sqrt(tokens * p * (1 - p)) * (whole_word ? 2 : 1);
  const double rows = std::min(tokens, std::ceil(tokens * p + 10 * deviation + 16));
  return {.sequences = batch_size, .length = chunk_size, .masked_rows = static_cast<int64_t>(rows)};
}

BatchLimits batch_limits(const TrainingOptions& o, const Chunks::Split& data) {
  const int64_t trained = std::min(o.per_device_train_batch_size, data.train.size());
  const int64_t judged = std::min(o.per_device_eval_batch_size, data.test.size());
  return batch_limits(std::max(trained, judged), data.train.chunk_size(), o.mlm_probability, o.whole_word_mask,
                      o.wwm_probability);
}

MemoryPlan memory_plan(const ModelConfig& config, const Backend& backend, const TrainingOptions& options,
                       const Chunks::Split& data, DType type) {
  MemoryPlan plan = MlmNetwork::plan(config, backend, batch_limits(options, data), /*training=*/true,
                                     options.masking_rng == MaskingRng::torch_cpu, type);
  plan.add("moments", 2 * ParameterSet::bytes(config));
  return plan;
}

std::optional<int64_t> available_to(Backend& backend) {
  return backend.memory().on_host() ? available_memory() : std::nullopt;
}

std::string memory_shortage(int64_t planned, std::optional<int64_t> available) {
  if (!available || planned <= *available) return {};
  return fmt::format(
      "the run needs {} of memory, but {} is available: take a smaller --per_device_train_batch_size with more "
      "--gradient_accumulation_steps and a smaller --per_device_eval_batch_size, or a smaller --chunk_size",
      bytes_text(static_cast<uint64_t>(planned)), bytes_text(static_cast<uint64_t>(*available)));
}

DiskPlan disk_plan(const ModelConfig& config, const TrainingOptions& o, const Schedule& schedule) {
  constexpr int64_t kSmallFiles = 1 << 20;  // the tokenizer's, and what is told about the run
  const int64_t weights = ParameterSet::bytes(config);
  int64_t saves = 0;
  if (o.save_strategy == Interval::epoch) saves = schedule.epochs();
  if (o.save_strategy == Interval::steps)
    saves = schedule.save_every() > 0 ? (schedule.updates() + schedule.save_every() - 1) / schedule.save_every()
                                      : schedule.epochs();
  const int64_t kept = std::max<int64_t>(o.save_total_limit, o.load_best_model_at_end ? 2 : 1);
  return {.model_bytes = weights + kSmallFiles,
          .checkpoint_bytes = 3 * weights + kSmallFiles,  // and both moments
          .checkpoints = o.save_total_limit > 0 ? std::min(saves, kept + 1) : saves};
}

std::string DiskPlan::shortage(int64_t to_come, std::optional<int64_t> free_bytes) const {
  if (to_come <= 0 || !free_bytes || *free_bytes / checkpoint_bytes >= to_come) return {};
  return fmt::format(
      "the checkpoints to come ({} of {}) need more than the {} that are free: make room, or pass --save_total_limit "
      "or --save_strategy no",
      to_come, bytes_text(static_cast<uint64_t>(checkpoint_bytes)), bytes_text(static_cast<uint64_t>(*free_bytes)));
}

double flops_per_chunk(const ModelConfig& config, int64_t chunk_size, double masked_share) {
  const auto c = static_cast<double>(config.width), inner = static_cast<double>(config.inner),
             t = static_cast<double>(chunk_size);
  const double keys_and_values = 2 * c * c, others = 2 * c * c + 2 * c * inner + 2 * t * c;
  const double layers = static_cast<double>(config.layers) * (keys_and_values + others) - (1 - masked_share) * others;
  const double head = masked_share * (c * c + c * static_cast<double>(config.vocabulary));
  return 6 * t * (layers + head);
}

double timed_product_rate(const ModelConfig& config, Backend& backend, DType type) {
  using Clock = std::chrono::steady_clock;
  constexpr double kEnoughSeconds = 0.05;
  constexpr int64_t kMostRows = 2048;
  const int64_t in = config.width, out = config.inner;
  const SampleMatrix w(backend, out, in, type);  // [inner,C]
  Arena arena(Arena::size_of_tensor(type, {kMostRows, in}) + Arena::size_of_tensor(type, {kMostRows, out}) +
                  Arena::size_of_tensor(DType::f32, {out}),
              "a timed product", backend.memory());
  const Tensor x = arena.take(type, {kMostRows, in});   // [rows,C]
  const Tensor y = arena.take(type, {kMostRows, out});  // [rows,inner]
  const Tensor b = arena.take(DType::f32, {out});       // [inner]
  // More rows until one product takes long enough to time; a slow back end stops early.
  for (int64_t rows = 8;; rows *= 4) {
    rows = std::min(rows, kMostRows);
    backend.linear(y.rows(0, rows), x.rows(0, rows), w.get(), b);  // the first of a shape prepares it
    backend.wait();
    const auto begun = Clock::now();
    int64_t products = 0;
    double seconds = 0;
    do {
      backend.linear(y.rows(0, rows), x.rows(0, rows), w.get(), b);
      backend.wait();
      ++products;
      seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    } while (rows == kMostRows && seconds < kEnoughSeconds);
    if (rows == kMostRows || seconds >= kEnoughSeconds)
      return static_cast<double>(2 * products * rows * in * out) / std::max(seconds, 1e-9);
  }
}

double estimated_seconds(const ModelConfig& config, Backend& backend, const TrainingOptions& o,
                         const Schedule& schedule, int64_t train_chunks, int64_t eval_chunks, int64_t chunk_size,
                         DType type) {
  const double per_chunk =
      flops_per_chunk(config, chunk_size, o.whole_word_mask ? o.wwm_probability : o.mlm_probability);
  const double trained = schedule.epoch_after(schedule.updates()) * static_cast<double>(train_chunks);
  int64_t evaluations = 2;  // before and after
  if (o.eval_strategy == Interval::epoch) evaluations = 1 + schedule.epochs();
  if (o.eval_strategy == Interval::steps && schedule.evaluate_every() > 0)
    evaluations = 1 + (schedule.updates() + schedule.evaluate_every() - 1) / schedule.evaluate_every();
  const double flops = per_chunk * (trained + static_cast<double>(evaluations * eval_chunks) / 3);
  return flops / (timed_product_rate(config, backend, type) * kShareOfProductRate);
}

}  // namespace tekio
