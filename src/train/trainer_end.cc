// How a run ends: stopped, with a checkpoint, or with the adapted model, its last figures and its files.
#include <mutex>
#include <utility>

#include "base/error.h"
#include "model/model_folder.h"
#include "train/report.h"
#include "train/run_record.h"
#include "train/signals.h"
#include "train/trainer.h"

namespace tekio {

AdaptReport Trainer::stopped(const std::string& masking_state) {
  if (state_.step > saved_step_) save(masking_state);
  const char* const name = StopSignals::name_of(StopSignals::received());
  if (state_.step > 0)
    note(fmt::format(" stopped  by {} after update {} of {} · saved in {} · go on with --resume_from_checkpoint", name,
                     with_commas(state_.step), with_commas(schedule_.updates()),
                     printable(folder_.checkpoint(saved_step_).string(), 300)));
  else
    note(fmt::format(" stopped  by {} before the first update: there was nothing to save", name));
  if (state_.step == 0) folder_.abandon();
  AdaptReport r = report();
  r.stopped = true;
  r.signal = StopSignals::received();
  return r;
}

/// Where the best model is wanted and the last is another: its weights, in place of the last ones.
void Trainer::load_best() {
  if (!options_.load_best_model_at_end || state_.best_step == 0) return;
  if (state_.best_step != state_.step) {
    if (state_.step > saved_step_) save(batches_.state());  // these weights give way to the best ones
    load_weights(folder_.checkpoint(state_.best_step), model_.config(), model_.weights(), /*seed=*/0);
  }
  if (options_.save_total_limit == 1) folder_.rotate(1, state_.best_step, state_.best_step);
}

/// The model that the run leaves behind. Frozen masks give the figure that the same weights had before.
std::optional<EvaluationReport> Trainer::evaluate_after() {
  const int64_t step = options_.load_best_model_at_end && state_.best_step > 0 ? state_.best_step : state_.step;
  if (options_.eval_masking == EvalMasking::frozen)
    for (const EvaluationPoint& r : state_.evaluations)
      if (r.step == step) return r.evaluation;
  return evaluate();
}

AdaptReport Trainer::finish() {
  const Json last = final_entry(state_, schedule_, options_, data_.train.size());
  const std::string masking_before = batches_.state();
  load_best();
  AdaptReport r = report();
  std::optional<EvaluationReport> after;
  if (evaluates() && !(after = evaluate_after())) return stopped(masking_before);
  if (general_evaluator_) {
    const auto general_after = evaluate_general();
    if (!general_after) return stopped(masking_before);
    r.general = {.before = *state_.general_before, .after = *general_after};
  }
  StopSignals::now(StopSignals::Doing::finishing, state_.step);
  const double epoch = schedule_.epoch_after(state_.step);
  const int64_t batches = after ? evaluator_->batches() : 0;
  state_.log_history.push_back(last);
  if (after && (state_.evaluations.empty() || options_.eval_masking == EvalMasking::fresh))  // it was evaluated anew
    state_.log_history.push_back(evaluation_entry(state_.step, epoch, *after, batches));
  if (after) note_after(r.before, r.after = *after);

  evaluator_.reset(), general_evaluator_.reset(), lease_.reset();  // others may have the model from here on
  const FillMask fill(handle_, tokenizer_);
  for (AdaptReport::Prompt& prompt : r.prompts) {
    prompt.after = fill(prompt.text);
    note_prompt(prompt);
  }
  if (r.general) note_general(*r.general, options_.general_name);
  warn_of_updates_without_masked_tokens(state_);
  save_result();
  write_atomically(folder_.path() / "trainer_state.json",
                   trainer_state_json(state_, schedule_, options_, folder_, /*should_stop=*/true));
  write_run_record(folder_.path(), options_, data_, r, after ? &*after : nullptr,
                   {.device = identity_.device, .dtype = identity_.dtype, .before = state_.before});
  write_results(folder_, last, data_.train.size(), after ? &*after : nullptr, epoch, batches);
  folder_.end();
  note_saved(r.run_dir);
  return r;
}

/// Where the model cannot be written, what is left of it is told: hours of work may hang on that.
void Trainer::save_result() {
  model_reserve_.release();
  try {
    const std::lock_guard lock(handle_.impl().mutex());  // the caller's threads may fill masks already
    save_model(folder_.path(), model_.config(), std::as_const(model_).weights());
    tokenizer_.save_pretrained(folder_.path());
  } catch (const Error& error) {
    const fs::path newest = folder_.checkpoint(saved_step_);
    const std::string shown = printable(newest.string(), 300);
    const std::string left =
        !fs::exists(newest) ? "what this run has learnt is lost, as no checkpoint was kept (--save_strategy no)"
        : saved_step_ == state_.step
            ? fmt::format("{} holds the run: make room and go on with --resume_from_checkpoint", shown)
            : fmt::format("what was learnt after {} is lost", shown);
    fail(error.kind(), "the trained model was not saved: {}; {}", error.what(), left);
  }
}

AdaptReport Trainer::report() const {
  AdaptReport r;
  r.run_dir = folder_.path().string();
  r.model = handle_.info();
  r.train_chunks = data_.train.size();
  r.eval_chunks = data_.test.size();
  if (state_.before) r.before = *state_.before;
  r.evaluations = state_.evaluations;
  r.steps = state_.step;
  r.steps_without_masked_tokens = state_.steps_without_masked_tokens;
  r.train_loss = state_.loss.mean();
  r.train_seconds = state_.run_seconds;
  r.tokens_per_second = state_.update_seconds > 0 ? static_cast<double>(state_.tokens) / state_.update_seconds : 0;
  r.prompts = state_.prompts;
  return r;
}

}  // namespace tekio
