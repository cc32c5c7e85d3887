// How an update goes. What ranks tell each other goes in two records: figures of their batches before, losses after.
#include "train/update_step.h"

#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

#include "base/error.h"
#include "model/family.h"

namespace tekio {
namespace {

BatchFigures figures_of(const CollatedBatch& made) {
  return {.tokens = made.batch.tokens(),
          .masked = static_cast<int64_t>(made.batch.masked_rows.size()),
          .padded_tokens = made.batch.sequences() * made.batch.padded_length,
          .input_ids_crc32 = made.input_ids_crc32,
          .labels_crc32 = made.labels_crc32};
}

/// Every rank's items, in the order of the ranks.
template <typename T>
std::vector<T> gathered(Communicator& ranks, const std::vector<T>& own) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::vector<T> all;
  for (const std::string& record : ranks.gather({reinterpret_cast<const char*>(own.data()), own.size() * sizeof(T)})) {
    TEKIO_CHECK(record.size() % sizeof(T) == 0, "a record of {} bytes, {} an item", record.size(), sizeof(T));
    const size_t before = all.size();
    all.resize(before + record.size() / sizeof(T));
    if (!record.empty()) std::memcpy(all.data() + before, record.data(), record.size());
  }
  return all;
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

UpdateStep::UpdateStep(MlmNetwork& model, RunMasking& masking, const Schedule& schedule, const TrainingOptions& o,
                       Communicator& ranks)
    : model_(model),
      masking_(masking),
      schedule_(schedule),
      options_(o),
      ranks_(ranks),
      accumulation_loss_(resolved(o, model.config())),
      optimizer_(model.backend(), model.config(),
                 {.weight_decay = o.weight_decay,
                  .beta1 = o.adam_beta1,
                  .beta2 = o.adam_beta2,
                  .epsilon = o.adam_epsilon,
                  .max_grad_norm = o.max_grad_norm}) {}

UpdateResult UpdateStep::run(ModelLease& lease, const UpdateBatches& update) {
  const int64_t step = update.update.step;
  UpdateResult result{.learning_rate = schedule_.learning_rate(step), .batches = figures_of_all(update)};
  for (const BatchFigures& batch : result.batches) {
    result.tokens += batch.tokens;
    result.masked += batch.masked;
  }
  for (const CollatedBatch& micro : own_batches(update, ranks_.rank())) lease.ensure_fits(micro.batch);
  for (const double loss : gathered(ranks_, accumulate(update, result))) result.loss += loss;
  result.grad_norm = optimizer_.update(model_.weights(), model_.gradients(), result.learning_rate, step + 1);
  if (!std::isfinite(result.loss) || !std::isfinite(result.grad_norm))
    fail(ErrorKind::input,
         "training diverged: at update {} the loss is {} and the gradients' norm {}; this update was not saved; try a "
         "lower --learning_rate than {}",
         step + 1, std::abs(result.loss), std::abs(result.grad_norm),  // NaN has no sign
         options_.learning_rate);
  return result;
}

/// Gradients of this rank's micro-batches; returns what each adds to the update's loss.
std::vector<double> UpdateStep::accumulate(const UpdateBatches& update, const UpdateResult& figures) {
  const StepRandom random{
      .seed = options_.seed, .step = static_cast<uint64_t>(update.update.step), .stream = masking_.dropout_stream()};
  std::vector<double> losses;
  model_.clear_gradients();
  for (const CollatedBatch& micro : own_batches(update, ranks_.rank())) {
    const double factor = scale(static_cast<int64_t>(micro.batch.masked_rows.size()), figures);
    model_.forward(micro.batch, random);
    losses.push_back(factor * model_.backward(micro.batch, static_cast<float>(factor)));
  }
  return losses;
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

std::vector<BatchFigures> UpdateStep::figures_of_all(const UpdateBatches& update) {
  std::vector<BatchFigures> own;
  for (const CollatedBatch& micro : own_batches(update, ranks_.rank())) own.push_back(figures_of(micro));
  std::vector<BatchFigures> all = gathered(ranks_, own);
  TEKIO_CHECK(static_cast<int64_t>(all.size()) == update.update.batches, "update {}: {} micro-batches, planned {}",
              update.update.step, all.size(), update.update.batches);
  return all;
}

}  // namespace tekio
