// The life of a run in order. Randomness is a function of (seed, step) or a stream whose place checkpoints keep, so
// resuming restores tensors and a small state, and goes on.
#include "train/trainer.h"

#include "base/error.h"
#include "base/stopwatch.h"
#include "model/modern_config.h"
#include "train/plan.h"

namespace tekio {

Trainer::Trainer(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data, const TrainingOptions& o,
                 Communicator& ranks)
    : data_(data),
      options_(o),
      handle_(model),
      ranks_(ranks),
      stop_(ranks, o.should_stop),
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
  enter(RunPhase::starting);
  is_asked_ = !ranks_.broadcast(options_.on_update || options_.on_evaluation ? "asked" : "").empty();
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
  if (state_.evaluation_due) evaluate_and_save(scheduled());
  while (training_goes_on()) {
    const Stopwatch watch;
    const UpdateBatches update = batches_.next();
    enter(RunPhase::updating);
    UpdateResult result = step_.run(*lease_, update, stop_);
    result.seconds = watch.seconds();
    stop_.learn(result.stop);
    journal_.record(result);
    RunControl control = scheduled();
    ask(control, [&](RunControl& c) {
      if (options_.on_update) options_.on_update(journal_.point(result), c);
    });
    if (control.log)
      lending(options_.on_log != nullptr, [&] { journal_.log(result, control.evaluate && evaluates()); });
    journal_.show_progress(result);
    evaluate_and_save(control);
  }
  journal_.clear_progress();
}

bool Trainer::training_goes_on() { return state_.step < schedule_.updates() && !journal_.stops_early() && !stops(); }

void Trainer::enter(RunPhase phase) {
  if (options_.on_phase && ranks_.rank() == 0) options_.on_phase(phase, state_.step);
}

/// What the options have follow the last update.
RunControl Trainer::scheduled() const {
  return {.log = schedule_.logs_after(state_.step),
          .evaluate = state_.evaluation_due || schedule_.evaluates_after(state_.step),
          .save = schedule_.saves_after(state_.step)};
}

/// Rank 0's callback may change what follows, for all ranks.
void Trainer::ask(RunControl& control, const std::function<void(RunControl&)>& callback) {
  if (!is_asked_) return;
  if (ranks_.rank() == 0) lease_->lend([&] { callback(control); });
  std::string answer;
  for (const bool wish : {control.log, control.evaluate, control.save, control.stop}) answer += wish ? '1' : '0';
  answer = ranks_.broadcast(answer);
  control = {.log = answer[0] == '1', .evaluate = answer[1] == '1', .save = answer[2] == '1', .stop = answer[3] == '1'};
  if (control.stop) journal_.end_early();
}

void Trainer::lending(bool calls, const std::function<void()>& work) {
  if (calls && lease_)
    lease_->lend(work);
  else
    work();
}

/// What follows an update: evaluation, then a checkpoint. Being told to stop puts the evaluation off to the resumed
/// run.
void Trainer::evaluate_and_save(RunControl control) {
  if (evaluates() && control.evaluate) {
    state_.evaluation_due = true;
    const std::string masking_before = batches_.state();
    journal_.clear_progress();
    const std::optional<EvaluationReport> report = stops() ? std::nullopt : evaluate();
    if (!report) return save(masking_before);
    state_.evaluation_due = false;
    lending(options_.on_log != nullptr, [&] { journal_.on_evaluated(*report, evaluator_->batches()); });
    control.save = control.save || (options_.load_best_model_at_end && state_.best_step == state_.step);
    ask(control, [&](RunControl& c) {
      if (options_.on_evaluation) options_.on_evaluation(state_.evaluations.back(), c);
    });
  }
  if (control.save || stops()) save(batches_.state());
}

void Trainer::save(const std::string& masking_state) {
  const bool goes_on = training_goes_on();
  lending(options_.on_save != nullptr, [&] { journal_.save(step_.optimizer(), masking_state, goes_on); });
}

std::optional<EvaluationReport> Trainer::evaluate() {
  enter(RunPhase::evaluating);
  const auto number = static_cast<uint64_t>(state_.evaluations_done);
  std::optional<EvaluationReport> report = evaluator_->run(
      number, [&] { return stop_.told(); }, &evaluated_);
  if (!report) stop_.agree();
  if (!report) return report;
  ++state_.evaluations_done;
  evaluated_step_ = state_.step;
  journal_.took(*report);
  return report;
}

std::optional<EvaluationReport> Trainer::evaluate_general() {
  enter(RunPhase::evaluating);
  std::optional<EvaluationReport> report = general_evaluator_->run(0, [&] { return stop_.told(); });
  if (!report) stop_.agree();
  if (report) journal_.general_took(*report);
  return report;
}

}  // namespace tekio
