// The life of a run in order. Randomness is a function of (seed, step) or a stream whose place checkpoints keep, so
// resuming restores tensors and a small state, and goes on.
#include "train/trainer.h"

#include "base/error.h"
#include "base/stopwatch.h"
#include "model/modern_config.h"
#include "train/plan.h"
#include "train/signals.h"

namespace tekio {

Trainer::Trainer(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data, const TrainingOptions& o,
                 Communicator& ranks)
    : data_(data),
      options_(o),
      handle_(model),
      ranks_(ranks),
      stop_(ranks),
      model_(model.impl().model()),
      schedule_(o, data.train.size(), ranks.size()),
      journal_(model, tokenizer, data, o, schedule_, ranks),
      state_(journal_.state()),
      masking_({o}, MaskingVocabulary::of(tokenizer)),
      batches_(masking_, data.train, schedule_, o, ranks.rank()),
      step_(model_, masking_, schedule_, data, o, ranks) {
  if (!evaluates() && o.eval_strategy != Interval::no)
    fail(ErrorKind::input,
         "there is no chunk to evaluate on: the evaluation text is shorter than one chunk; give more text or pass "
         "--eval_strategy no");
}

AdaptReport Trainer::run() {
  try {
    begin();
    stop_.agree();
    if (!stops()) train();
  } catch (...) {
    if (state_.step == 0) journal_.abandon();
    throw;
  }
  journal_.wait_for_checkpoints();
  journal_.end_training();
  return stops() ? stopped(batches_.state()) : finish();
}

/// Opens the folder and evaluates the model as it is, or takes up a run where it was left.
void Trainer::begin() {
  require_same_on_all(ranks_, model_, told_of(journal_.identity(), options_));
  const std::optional<fs::path> checkpoint = journal_.open();
  if (options_.dropout) model_.config().set_dropout(*options_.dropout);
  warn_of_older_version(model_.config());
  if (!checkpoint) journal_.fill_prompts();
  lease_model();
  if (checkpoint) resume(*checkpoint);
  journal_.begin();
  if (!checkpoint && evaluator_) state_.before = evaluate();
  if (!checkpoint && general_evaluator_ && !stops()) state_.general_before = evaluate_general();
  journal_.start_clock();
}

void Trainer::lease_model() {
  lease_.emplace(handle_.impl(), batch_limits(options_, data_), /*training=*/true,
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

void Trainer::train() {
  if (state_.evaluation_due) evaluate_and_save();
  while (training_goes_on()) {
    const Stopwatch watch;
    const UpdateBatches update = batches_.next();
    StopSignals::now(StopSignals::Doing::updating, state_.step);
    UpdateResult result = step_.run(*lease_, update);
    result.seconds = watch.seconds();
    stop_.learn(result.signal);
    journal_.record(result);
    evaluate_and_save();
  }
  journal_.clear_progress();
}

bool Trainer::training_goes_on() const {
  return state_.step < schedule_.updates() && !journal_.stops_early() && !stops();
}

/// What follows an update: evaluation, then a checkpoint. A signal puts the evaluation off to the resumed run.
void Trainer::evaluate_and_save() {
  if (evaluates() && (state_.evaluation_due || schedule_.evaluates_after(state_.step))) {
    state_.evaluation_due = true;
    const std::string masking_before = batches_.state();
    journal_.clear_progress();
    const std::optional<EvaluationReport> report = stops() ? std::nullopt : evaluate();
    if (!report) return save(masking_before);
    state_.evaluation_due = false;
    journal_.on_evaluated(*report, evaluator_->batches());
    if (options_.on_evaluation && ranks_.rank() == 0)
      lease_->lend([&] { options_.on_evaluation(state_.evaluations.back()); });
  }
  const bool best_so_far = options_.load_best_model_at_end && state_.best_step == state_.step;
  if (schedule_.saves_after(state_.step) || best_so_far || stops()) save(batches_.state());
}

void Trainer::save(const std::string& masking_state) {
  journal_.save(step_.optimizer(), masking_state, training_goes_on());
}

std::optional<EvaluationReport> Trainer::evaluate() {
  StopSignals::now(StopSignals::Doing::evaluating, state_.step);
  const auto number = static_cast<uint64_t>(state_.evaluations_done);
  std::optional<EvaluationReport> report = evaluator_->run(number, StopSignals::received);
  if (!report) stop_.agree();
  if (!report) return report;
  ++state_.evaluations_done;
  journal_.took(*report);
  return report;
}

std::optional<EvaluationReport> Trainer::evaluate_general() {
  StopSignals::now(StopSignals::Doing::evaluating, state_.step);
  std::optional<EvaluationReport> report = general_evaluator_->run(0, StopSignals::received);
  if (!report) stop_.agree();
  if (report) journal_.general_took(*report);
  return report;
}

}  // namespace tekio
