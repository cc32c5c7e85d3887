// How a run is evaluated on its way, and what is saved then.
#include "train/trainer.h"

#include <optional>
#include <string>

namespace tekio {

/// Evaluation, then a checkpoint. Being told to stop puts the evaluation off to the resumed run.
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
  if (control.save) save(batches_.state());
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
