// The arithmetic behind the estimate, in multiply-adds forward (backward has twice as many): a layer's keys and values
// 2 C^2 a token; its queries, output and feed-forward 2 C^2 + 2 C I and attention's scores and mix 2 T C a token whose
// output is wanted, which in the last layer is a masked one; the head C^2 + C V a masked token.
#include "train/plan.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/memory.h"
#include "train/checkpoint_writer.h"
#include "train/optimizer.h"

namespace tekio {

namespace {

BatchLimits limits_of_rate(int64_t batch_size, int64_t chunk_size, double p, bool whole_words) {
  const auto tokens = static_cast<double>(batch_size * chunk_size);
  // A word's tokens are masked together: the deviation of words of w tokens is sqrt(w) times that of single tokens; w =
  // 4 is plenty.
  const double deviation = std::sqrt(tokens * p * (1 - p)) * (whole_words ? 2 : 1);
  const double rows = std::min(tokens, std::ceil(tokens * p + 10 * deviation + 16));
  return {.sequences = batch_size, .length = chunk_size, .masked_rows = static_cast<int64_t>(rows)};
}

// Rank 0's alone: what it writes checkpoints from, made where there is room; and all ranks' moments, without which it
// cannot write one.
const char *const kCheckpointCopy = "checkpoint copy", *const kCollectedMoments = "collected moments";

bool masks_words(const MaskOptions& o) { return o.whole_word_mask || o.masking == Masking::span; }

}  // namespace

BatchLimits batch_limits(int64_t batch_size, int64_t chunk_size, const MaskOptions& masking) {
  return limits_of_rate(batch_size, chunk_size, masking.rate(), masks_words(masking));
}

BatchLimits batch_limits(int64_t batch_size, int64_t chunk_size, const TrainingOptions& o) {
  return limits_of_rate(batch_size, chunk_size, std::max(o.initial_rate(), o.rate()), masks_words(o));
}

BatchLimits batch_limits(const TrainingOptions& o, const Chunks::Split& data) {
  const int64_t trained = std::min(o.per_device_train_batch_size, data.train.size());
  const int64_t evaluated =
      std::min(o.per_device_eval_batch_size, std::max(data.test.size(), o.general ? o.general->size() : 0));
  const int64_t longest = std::max(data.train.chunk_size(), o.general ? o.general->chunk_size() : 0);
  return batch_limits(std::max(trained, evaluated), longest, o);
}

Wire wire_of(const TrainingOptions& o) { return o.wire == WireFormat::bf16 ? Wire::bf16 : Wire::f32; }

GradientSumLimits gradient_sum_limits(const TrainingOptions& o, const Chunks::Split& data, int ranks) {
  const int64_t size = std::min(o.per_device_train_batch_size, data.train.size());
  const int64_t batches = UpdatePlan(data.train.size(), size, 1).batches_per_epoch();
  const int64_t all = std::min(ranks * o.gradient_accumulation_steps, batches);
  return {.micro_batches = all,
          .own = std::min(o.gradient_accumulation_steps, batches),
          .tokens = all * size * data.train.chunk_size()};
}

MemoryPlan memory_plan(const ModelConfig& config, Backend& backend, const TrainingOptions& options,
                       const Chunks::Split& data, DType type, RankCount ranks) {
  MemoryPlan plan = MlmNetwork::plan(config, backend, batch_limits(options, data), /*training=*/true,
                                     options.masking_rng == MaskingRng::torch_cpu, type);
  GradientSum::add_to(plan, config, gradient_sum_limits(options, data, ranks.all));
  plan.add("moments", Optimizer::most_moment_bytes(config, options.optimizer_sharding ? ranks.all : 1));
  if (ranks.all > 1)
    plan.add("exchange", exchange_bytes(backend.memory(), ParameterSet::bytes(config), ranks, wire_of(options)));
  std::optional<int64_t> available = available_to(backend);
  if (available) *available -= ranks.here * plan.total();
  const bool saves_amid =
      options.load_best_model_at_end || Schedule(options, data.train.size(), ranks.all).saves_left(0) > 1;
  if (saves_amid && backend.memory().on_host() && CheckpointWriter::copy_fits(config, available))
    plan.add(kCheckpointCopy, CheckpointWriter::copy_bytes(config));
  else if (options.optimizer_sharding && ranks.all > 1 && backend.memory().on_host())
    plan.add(kCollectedMoments, 2 * ParameterSet::bytes(config));  // at the end, or where a signal stops the run
  return plan;
}

std::optional<int64_t> available_to(Backend& backend) {
  return backend.memory().on_host() ? available_memory() : std::nullopt;
}

std::string memory_shortage(const MemoryPlan& plan, std::optional<int64_t> available, RankCount ranks) {
  int64_t each = 0, first = 0;
  for (const MemoryPlan::Line& line : plan.lines)
    if (line.purpose != kCheckpointCopy) (line.purpose == kCollectedMoments ? first : each) += line.bytes;
  if (ranks.here == 1) return memory_shortage(each + first, available);
  if (!available || ranks.here * each + first <= *available) return {};
  return message(
      "the {} ranks on this machine need {} of memory each, but {} is available to all of them: start fewer with more "
      "--threads each, or take a smaller --per_device_train_batch_size with more --gradient_accumulation_steps",
      ranks.here, bytes_text(static_cast<uint64_t>(each)), bytes_text(static_cast<uint64_t>(*available)));
}

std::string memory_shortage(int64_t planned, std::optional<int64_t> available) {
  if (!available || planned <= *available) return {};
  return message(
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
  return message(
      "the checkpoints to come ({} of {}) need more than the {} that are free: make room, or pass --save_total_limit "
      "or --save_strategy no",
      to_come, bytes_text(static_cast<uint64_t>(checkpoint_bytes)), bytes_text(static_cast<uint64_t>(*free_bytes)));
}

}  // namespace tekio
