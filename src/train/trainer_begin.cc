// How a run begins: with the model as it is, or where another was left. Randomness is a function of (seed, step) or a
// stream whose place checkpoints keep, so resuming restores tensors and a small state, and goes on.
#include "model/modern_config.h"
#include "train/plan.h"
#include "train/trainer.h"

namespace tekio {

/// Opens the folder and evaluates the model as it is, or takes up a run where it was left.
void Trainer::begin() {
  enter(RunPhase::starting);
  is_asked_ =
      !ranks_.broadcast(options_.on_update || options_.on_epoch_end || options_.on_evaluation ? "asked" : "").empty();
  const std::optional<fs::path> checkpoint = journal_.open();
  if (options_.dropout) model_.config().set_dropout(*options_.dropout);
  warn_of_older_version(model_.config());
  if (!checkpoint) journal_.fill_prompts();
  lease_model();
  if (checkpoint) resume(*checkpoint);
  journal_.begin();
  if (!checkpoint && evaluator_ && (state_.before = evaluate())) journal_.keep_before(evaluated_);
  if (!checkpoint && general_evaluator_ && !stops()) state_.general_before = evaluate_general();
  journal_.start_clock();
}

void Trainer::lease_model() {
  lease_.emplace(MaskedLMImpl::of(handle_), batch_limits(options_, data_), /*training=*/true,
                 working_type(handle_, options_.masking_rng));
  const int64_t size = options_.per_device_eval_batch_size;
  if (evaluates()) evaluator_.emplace(*lease_, masking_, data_.test, size, options_.eval_masking, ranks_);
  if (options_.general)
    general_evaluator_.emplace(*lease_, masking_, *options_.general, size, EvalMasking::frozen, ranks_);
}

void Trainer::resume(const fs::path& checkpoint) {
  const CheckpointRecord record = journal_.read(checkpoint);
  // A run that did not evaluate on it before does so now, while the model is as it was before training.
  if (general_evaluator_ && !state_.general_before) state_.general_before = evaluate_general();
  if (ranks_.rank() == 0) restore_weights(checkpoint, model_.config(), model_.weights());
  give_to_all(ranks_, model_.weights());
  for (const Moment moment : {Moment::first, Moment::second}) resume_moment(checkpoint, moment);
  batches_.resume(state_.step, record.masking_state, checkpoint.string());
  journal_.resumed(checkpoint, record.form);
}

void Trainer::resume_moment(const fs::path& checkpoint, Moment moment) {
  Optimizer& optimizer = step_.optimizer();
  std::optional<ParameterSet> shared;  // of which each rank takes its share
  if (optimizer.is_shared()) shared.emplace(model_.config(), "a checkpoint's moments");
  ParameterSet& all = shared ? *shared : moment == Moment::first ? optimizer.moment1() : optimizer.moment2();
  if (ranks_.rank() == 0) restore_moment(checkpoint, moment, all);
  give_to_all(ranks_, all);
  if (shared) optimizer.take(moment, all);
}

}  // namespace tekio
