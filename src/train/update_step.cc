// How an update goes. What ranks tell each other goes in two records: figures of their batches before, losses after.
#include "train/update_step.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/error_kind.h"
#include "base/log.h"
#include "model/family.h"
#include "train/plan.h"

namespace tekio {
namespace {

BatchFigures figures_of(const CollatedBatch& made) {
  return {.tokens = made.batch.tokens(),
          .masked = static_cast<int64_t>(made.batch.masked_rows.size()),
          .padded_tokens = made.batch.sequences() * made.batch.padded_length,
          .input_ids_crc32 = made.input_ids_crc32,
          .labels_crc32 = made.labels_crc32};
}

template <typename T>
std::string_view bytes_of(const std::vector<T>& items) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T)};
}

/// Appends what bytes_of() gave of another rank's items.
template <typename T>
void append(std::vector<T>& items, std::string_view bytes) {
  if (bytes.size() % sizeof(T) != 0)
    fail(ErrorKind::comms, "a rank sent {} where items of {} were due", counted(bytes.size(), "byte"), sizeof(T));
  const size_t before = items.size();
  items.resize(before + bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(items.data() + before, bytes.data(), bytes.size());
}

/// The micro-batches of an update that this rank is to compute.
std::span<const CollatedBatch> own_batches(const UpdateBatches& update, int rank) {
  const NumberRange share = update.update.share(rank);
  return std::span(update.batches)
      .subspan(static_cast<size_t>(share.begin - update.first), static_cast<size_t>(share.size()));
}

AccumulationLoss resolved(const TrainingOptions& o, const ModelConfig& config) {
  if (o.accumulation_loss != AccumulationLoss::automatic) return o.accumulation_loss;
  return o.masking_rng == MaskingRng::counter || table_of(config.family).traits.loss_counts_tokens
             ? AccumulationLoss::tokens
             : AccumulationLoss::sum;
}

}  // namespace

UpdateStep::UpdateStep(MlmNetwork& model, RunMasking& masking, const Schedule& schedule, const Chunks::Split& data,
                       const TrainingOptions& o, Communicator& ranks)
    : model_(model),
      masking_(masking),
      schedule_(schedule),
      options_(o),
      ranks_(ranks),
      accumulation_loss_(resolved(o, model.config())),
      sums_(make_rank_sums(ranks, model.backend().memory())),
      sum_(model, *sums_, gradient_sum_limits(o, data, ranks.size()), wire_of(o),
           o.optimizer_sharding ? SumGoes::to_shares : SumGoes::to_all),
      optimizer_(model.backend(), model.config(),
                 {.weight_decay = o.weight_decay,
                  .beta1 = o.adam_beta1,
                  .beta2 = o.adam_beta2,
                  .epsilon = o.adam_epsilon,
                  .max_grad_norm = o.max_grad_norm},
                 o.optimizer_sharding ? sums_.get() : nullptr),
      losses_(Arena::size_of_tensor(DType::f64, {gradient_sum_limits(o, data, ranks.size()).own * kLabelLoss}),
              "the losses", model.backend().memory()) {}

bool UpdateStep::runs_ahead() const { return ranks_.size() == 1 && !model_.backend().memory().on_host(); }

void UpdateStep::begin(ModelLease& lease, const UpdateBatches& update, StopAgreement& stop) {
  const int64_t step = update.update.step;
  Outline outline = outline_of(update);
  Begun begun{.result = {.learning_rate = schedule_.learning_rate(step), .batches = std::move(outline.figures)}};
  UpdateResult& result = begun.result;
  result.step = step + 1;
  for (const BatchFigures& batch : result.batches) {
    result.tokens += batch.tokens;
    result.masked += batch.masked;
  }
  for (const CollatedBatch& micro : own_batches(update, ranks_.rank())) lease.ensure_fits(micro.batch);
  try {
    accumulate(update, begun, std::move(outline.looked_up));
  } catch (const std::exception& error) {
    sums_->leave(error.what(), kind_of(error));  // before the memory goes whose numbers are under way
    throw;
  }
  std::optional<double> squared_norm;
  if (ranks_.size() > 1)
    squared_norm = agree(begun, stop.told());
  else
    result.stop = stop.told();
  optimizer_.update(model_.weights(), model_.gradients(), result.learning_rate, step + 1, squared_norm);
  begun.clipping = model_.backend().memory().read_later(optimizer_.clipping().f64(), kClipping);
  begun_.push_back(std::move(begun));
}

/// What ranks tell each other of an update: all stop after the same one, and take rank 0's norm, which other processors
/// may add up otherwise by a hair. Returns its square.
double UpdateStep::agree(Begun& begun, int told) {
  const double own_square = optimizer_.squared_norm(model_.gradients());  // and the losses are there
  std::vector<double> losses;
  for (size_t i = 0; i < begun.factors.size(); ++i)
    losses.push_back(begun.factors[i] * begun.losses->at(i * kLabelLoss));
  begun.factors.clear();
  losses.insert(losses.end(), {static_cast<double>(told), own_square});
  std::optional<double> square;
  for (const std::string& record : ranks_.gather(bytes_of(losses))) {
    std::vector<double> of_rank;
    append(of_rank, record);
    if (of_rank.size() < 2) fail(ErrorKind::comms, "a rank sent no losses of update {}", begun.result.step);
    if (!square) square = of_rank.back();
    of_rank.pop_back();
    if (begun.result.stop == 0) begun.result.stop = static_cast<int>(of_rank.back());
    of_rank.pop_back();
    for (const double loss : of_rank) begun.result.loss += loss;
  }
  return *square;
}

std::vector<UpdateResult> UpdateStep::finish() {
  model_.backend().wait();
  std::vector<UpdateResult> results;
  for (Begun& begun : std::exchange(begun_, {})) {
    UpdateResult& result = begun.result;
    for (size_t i = 0; i < begun.factors.size(); ++i)
      result.loss += begun.factors[i] * begun.losses->at(i * kLabelLoss);
    result.grad_norm = begun.clipping->front();
    if (!std::isfinite(result.loss) || !std::isfinite(result.grad_norm))
      fail(ErrorKind::input,
           "training diverged: at update {} the loss is {} and the gradients' norm {}; this update was not saved; try "
           "a lower --learning_rate than {}",
           result.step, std::abs(result.loss), std::abs(result.grad_norm),  // NaN has no sign
           options_.learning_rate);
    results.push_back(std::move(result));
  }
  return results;
}

/// The update's gradients, and where each of this rank's micro-batches leaves its loss.
void UpdateStep::accumulate(const UpdateBatches& update, Begun& begun, std::vector<int32_t> looked_up) {
  const StepRandom random{
      .seed = options_.seed, .step = static_cast<uint64_t>(update.update.step), .stream = masking_.dropout_stream()};
  const std::span<const CollatedBatch> own = own_batches(update, ranks_.rank());
  sum_.begin({.micro_batches = update.update.batches,
              .own = static_cast<int64_t>(own.size()),
              .givers = update.update.givers(),
              .looked_up = std::move(looked_up)});
  const auto count = static_cast<int64_t>(own.size());
  const Tensor losses(losses_.data(), DType::f64, {count * kLabelLoss});
  for (const CollatedBatch& micro : update.batches) {
    if (&micro < own.data() || &micro >= own.data() + own.size()) {
      model_.skip_dropout(micro.batch, random);
      continue;
    }
    const double factor = scale(static_cast<int64_t>(micro.batch.masked_rows.size()), begun.result);
    const auto place = static_cast<int64_t>(begun.factors.size()) * kLabelLoss;
    sum_.add(micro.batch, random, static_cast<float>(factor), losses.rows(place, place + kLabelLoss));
    begun.factors.push_back(factor);
  }
  sum_.end();
  begun.losses = model_.backend().memory().read_later(losses.f64(), losses.numel());
}

/// What a micro-batch's summed loss is multiplied by: see AccumulationLoss. 0 where nothing is masked: the mean would
/// be 0/0.
double UpdateStep::scale(int64_t masked, const UpdateResult& figures) const {
  if (masked == 0) return 0;
  if (accumulation_loss_ == AccumulationLoss::sum) return 1 / static_cast<double>(masked);
  if (accumulation_loss_ == AccumulationLoss::mean)
    return 1 / (static_cast<double>(masked) * static_cast<double>(figures.batches.size()));
  return 1 / static_cast<double>(figures.masked);
}

UpdateStep::Outline UpdateStep::outline_of(const UpdateBatches& update) {
  std::vector<BatchFigures> figures;
  std::vector<const Batch*> batches;
  for (const CollatedBatch& micro : own_batches(update, ranks_.rank())) {
    figures.push_back(figures_of(micro));
    batches.push_back(&micro.batch);
  }
  std::string record(bytes_of(figures));
  if (update.update.batches > 1) record += bytes_of(GradientSum::distinct_ids(batches));

  Outline outline;
  std::vector<bool> is_looked_up(static_cast<size_t>(model_.config().vocabulary));  // as ranks may be many, not sorted
  const std::vector<std::string> records = ranks_.gather(record);
  for (size_t rank = 0; rank < records.size(); ++rank) {
    const std::string_view of_rank = records[rank];
    const auto own = static_cast<size_t>(update.update.share(static_cast<int>(rank)).size()) * sizeof(BatchFigures);
    if (of_rank.size() < own)
      fail(ErrorKind::comms, "rank {} sent {} of its batches of update {}, where {} were due", rank,
           counted(static_cast<int64_t>(of_rank.size()), "byte"), update.update.step, own);
    append(outline.figures, of_rank.substr(0, own));
    std::vector<int32_t> ids;
    append(ids, of_rank.substr(own));
    for (const int32_t id : ids) {
      if (id < 0 || static_cast<size_t>(id) >= is_looked_up.size())
        fail(ErrorKind::comms, "rank {} looked up token {} in update {}, of {} that there are", rank, id,
             update.update.step, is_looked_up.size());
      is_looked_up[static_cast<size_t>(id)] = true;
    }
  }
  for (size_t id = 0; id < is_looked_up.size(); ++id)
    if (is_looked_up[id]) outline.looked_up.push_back(static_cast<int32_t>(id));
  return outline;
}

}  // namespace tekio
