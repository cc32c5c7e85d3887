// A level is a set of gradients as large as the model; folding swaps sets and never copies.
#include "train/gradient_sum.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/error.h"
#include "base/stopwatch.h"

namespace tekio {
namespace {

/// Sums that wait for a neighbour while a rank's last micro-batch is computed.
int64_t levels_of(const GradientSumLimits& limits) {
  return std::bit_width(static_cast<uint64_t>(std::max<int64_t>(1, limits.own) - 1));
}

/// Rows of the word table that an update can look up.
int64_t rows_of(const ModelConfig& config, const GradientSumLimits& limits) {
  return limits.micro_batches > 1 ? std::min(config.vocabulary, limits.tokens) : 0;
}

int64_t row_bytes(const ModelConfig& config, int64_t rows) {
  return rows > 0 ? Arena::size_of_tensor(DType::f32, {rows, config.embedding_width}) : 0;
}

}  // namespace

GradientSum::GradientSum(MlmNetwork& network, RankSums& sums, const GradientSumLimits& limits, Wire wire, SumGoes goes)
    : network_(network), sums_(sums), wire_(wire), most_rows_(rows_of(network.config(), limits)) {
  if (goes == SumGoes::to_shares) shares_.emplace(network.config(), sums.ranks().size());
  Memory& memory = network.backend().memory();
  const auto rows = [&] { return Arena(row_bytes(network.config(), most_rows_), "looked-up rows' gradients", memory); };
  for (int64_t level = 0; level < levels_of(limits); ++level)
    levels_.push_back({std::make_unique<ParameterSet>(network.config(), "gradients of micro-batches", memory), rows()});
  looked_up_ = rows();
}

void GradientSum::add_to(MemoryPlan& plan, const ModelConfig& config, const GradientSumLimits& limits) {
  const int64_t levels = levels_of(limits), rows = row_bytes(config, rows_of(config, limits));
  if (levels > 0) plan.add("micro-batch sums", levels * ParameterSet::bytes(config));
  if (rows > 0) plan.add("looked-up rows", (levels + 1) * rows);
}

void GradientSum::begin(Update update) {
  const auto rows = static_cast<int64_t>(update.looked_up.size());
  update_ = std::move(update);
  TEKIO_CHECK(
      levels_of({.own = update_.own}) <= static_cast<int64_t>(levels_.size()) && (!is_apart() || rows <= most_rows_),
      "{} micro-batches with {} words are more than planned", update_.own, rows);
  done_ = 0;
  exchanged_ = {};
}

std::vector<int32_t> GradientSum::distinct_ids(std::span<const Batch* const> batches) {
  std::vector<int32_t> ids;
  for (const Batch* batch : batches) ids.insert(ids.end(), batch->input_ids.begin(), batch->input_ids.end());
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Tensor GradientSum::looked_up(const Arena& arena) const {
  return Tensor(arena.data(), DType::f32,
                {static_cast<int64_t>(update_.looked_up.size()), network_.config().embedding_width});
}

void GradientSum::add(const Batch& batch, const StepRandom& random, float scale, Tensor loss) {
  TEKIO_CHECK(done_ < update_.own, "micro-batch {} of {}", done_ + 1, update_.own);
  const bool is_last = done_ + 1 == update_.own;
  const LookedUp words{update_.looked_up, looked_up(looked_up_)};
  BackwardOptions how;
  if (is_apart()) how.looked_up = &words;
  if (is_last)
    how.on_final = [this](ArenaRange range) {
      fold(range);
      exchange(range);
    };
  network_.clear_gradients();
  if (is_apart()) network_.backend().zero(words.gradients);
  network_.forward(batch, random);
  network_.backward(batch, scale, loss, how);
  if (!is_last)
    carry();
  else if (is_apart())
    finish_looked_up();
  ++done_;
}

/// Adds what waits at all levels to a part of the last micro-batch's gradients.
void GradientSum::fold(ArenaRange range) {
  for (size_t level = 0; level < levels_.size(); ++level)
    if (done_ >> level & 1)
      network_.backend().add(network_.gradients().flat_to_change().rows(range.begin, range.end),
                             std::as_const(*levels_[level].gradients).flat().rows(range.begin, range.end));
}

void GradientSum::finish_looked_up() {
  for (size_t level = 0; level < levels_.size(); ++level)
    if (done_ >> level & 1) network_.backend().add(looked_up(looked_up_), looked_up(levels_[level].looked_up));
  exchange(looked_up(looked_up_), nullptr);
}

/// As a binary counter goes on by one: the new gradients meet those of as many micro-batches, and wait for the next.
void GradientSum::carry() {
  size_t level = 0;
  for (; done_ >> level & 1; ++level) {
    network_.backend().add(network_.gradients().flat_to_change(), std::as_const(*levels_[level].gradients).flat());
    network_.backend().add(looked_up(looked_up_), looked_up(levels_[level].looked_up));
  }
  network_.exchange_gradients(levels_[level].gradients);
  std::swap(looked_up_, levels_[level].looked_up);
}

void GradientSum::exchange(ArenaRange range) {
  const Parts parts = shares_ ? shares_->parts(range) : Parts();
  exchange(network_.gradients().flat_to_change().rows(range.begin, range.end), shares_ ? &parts : nullptr);
}

/// `parts`: who is to get which of the sums; nullptr: all get all, as of looked-up rows, which have no place of their
/// own in the arena.
void GradientSum::exchange(Tensor numbers, const Parts* parts) {
  if (sums_.ranks().size() == 1 || numbers.numel() == 0) return;
  exchanged_.numbers += numbers.numel();
  if (parts != nullptr)
    sums_.begin_shared_sum(numbers.values(), *parts, update_.givers, wire_);
  else
    sums_.begin_sum(numbers.values(), update_.givers, wire_);
}

void GradientSum::end() {
  TEKIO_CHECK(done_ == update_.own, "{} of {} micro-batches were added", done_, update_.own);
  if (update_.own == 0) {  // this rank takes part in what the others exchange
    network_.clear_gradients();
    const LookedUp words{update_.looked_up, looked_up(looked_up_)};
    BackwardOptions how{.on_final = [this](ArenaRange range) { exchange(range); }};
    if (is_apart()) how.looked_up = &words;
    network_.for_each_final_range(how);
    if (is_apart()) exchange(looked_up(looked_up_), nullptr);
  }
  if (sums_.ranks().size() > 1) network_.backend().wait();  // a device's own work is no waiting for others
  const Stopwatch watch;
  sums_.wait();
  exchanged_.waited_seconds = watch.seconds();
  if (is_apart())
    network_.backend().gather_rows_backward(network_.gradients().tensors_to_change().word.weight, looked_up(looked_up_),
                                            update_.looked_up, Into::add);
}

}  // namespace tekio
