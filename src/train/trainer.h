// The trainer: one run from its first update, or from a checkpoint, to the adapted model in its folder. It owns what
// happens in which order: the schedule, the batches and the evaluations. What an update computes is UpdateStep's, what
// is written and said RunJournal's.
#pragma once

#include <tekio/adapt.h>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/order.h"
#include "dist/communicator.h"
#include "train/evaluation.h"
#include "train/model_lease.h"
#include "train/rank_agreement.h"
#include "train/run_journal.h"
#include "train/schedule.h"
#include "train/update_step.h"
#include "train/updates_ahead.h"

namespace tekio {

class Trainer {
 public:
  /// All references must outlive the trainer. Nothing is written yet, and the model is as it was. Errors: usage and
  /// input, as adapt().
  Trainer(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data, const TrainingOptions& options,
          Communicator& ranks);
  AdaptReport run();

 private:
  // How it begins: trainer_begin.cc.
  void begin();
  void lease_model();
  void resume(const std::filesystem::path& checkpoint);
  void resume_moment(const std::filesystem::path& checkpoint, Moment moment);

  void train();
  std::vector<UpdateResult> updates();
  bool wants_to_know(int64_t step);
  using Callback = std::function<void(const UpdatePoint&, RunControl&)>;
  void follow(const UpdateResult& result, RunControl control, const Callback& callback);
  void ask(RunControl& control, const std::function<void(RunControl&)>& callback);
  void save(const std::string& masking_state);
  bool training_goes_on();
  bool stops() { return stop_.number() != 0; }
  void enter(RunPhase phase);
  /// Others may have the model while `work` runs, where the options have something called in it.
  void lending(bool calls, const std::function<void()>& work);

  // How it is evaluated: trainer_evaluation.cc.
  void evaluate_and_save(RunControl control);
  std::optional<EvaluationReport> evaluate();
  std::optional<EvaluationReport> evaluate_general();

  // How it ends: trainer_end.cc.
  AdaptReport finish();
  AdaptReport stopped(const std::string& masking_state);
  void load_best();
  std::optional<EvaluationReport> evaluate_after();

  bool evaluates() const { return data_.test.size() > 0; }

  const Chunks::Split& data_;
  const TrainingOptions& options_;
  MaskedLM& handle_;
  Communicator& ranks_;
  StopAgreement stop_;
  bool is_asked_ = false;  ///< whether rank 0 has callbacks that may change what follows an update
  MlmNetwork& model_;
  Schedule schedule_;
  RunJournal journal_;
  RunState& state_;  ///< the journal's
  RunMasking masking_;
  UpdatesAhead batches_;
  UpdateStep step_;
  std::optional<ModelLease> lease_;  ///< from begin() until training and its evaluations are over
  std::optional<Evaluator> evaluator_, general_evaluator_;
  ChunkLosses evaluated_;        ///< what the last evaluation gave of each chunk,
  int64_t evaluated_step_ = -1;  ///< after this update
  int64_t logged_step_ = -1;     ///< the update that the last entry of training's is of
};

}  // namespace tekio
