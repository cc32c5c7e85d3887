// How a run ends: stopped, with a checkpoint, or with the weights that it is to leave behind and their figures.
#include "model/model_folder.h"
#include "train/trainer.h"

namespace tekio {

AdaptReport Trainer::stopped(const std::string& masking_state) {
  if (!journal_.is_saved()) save(masking_state);
  AdaptReport report = journal_.stopped(stop_.number());
  // None leaves before rank 0 has saved: a launcher that sees one end by a signal's exit code may end all others.
  ranks_.gather("");
  return report;
}

/// Where the best model is wanted and the last is another: its weights, in place of the last ones.
void Trainer::load_best() {
  if (!options_.load_best_model_at_end || state_.best_step == 0) return;
  if (state_.best_step != state_.step) {
    if (!journal_.is_saved()) save(batches_.state());  // these weights give way to the best ones
    if (ranks_.rank() == 0)
      load_weights(journal_.checkpoint(state_.best_step), model_.config(), model_.weights(), /*seed=*/0);
    give_to_all(ranks_, model_.weights());
  }
  if (options_.save_total_limit == 1) journal_.keep_best_alone();
}

/// The model that the run leaves behind. Frozen masks give the figure that the same weights had before, if they were
/// the last to be evaluated: what each chunk gave is known of those alone.
std::optional<EvaluationReport> Trainer::evaluate_after() {
  const int64_t step = options_.load_best_model_at_end && state_.best_step > 0 ? state_.best_step : state_.step;
  if (options_.eval_masking == EvalMasking::frozen && evaluated_step_ == step)
    for (const EvaluationPoint& r : state_.evaluations)
      if (r.step == step) return r.evaluation;
  return evaluate();
}

AdaptReport Trainer::finish() {
  const std::string masking_before = batches_.state();
  load_best();
  RunJournal::After after;
  if (evaluates() && !(after.evaluation = evaluate_after())) return stopped(masking_before);
  if (general_evaluator_ && !(after.general = evaluate_general())) return stopped(masking_before);
  enter(RunPhase::finishing);
  if (after.evaluation) after.batches = evaluator_->batches();
  after.each = &evaluated_;
  evaluator_.reset(), general_evaluator_.reset(), lease_.reset();  // others may have the model from here on
  return journal_.finish(after);
}

}  // namespace tekio
