// The trainer: one run from its first update, or from a checkpoint, to the adapted model in its folder.
#pragma once

#include <tekio/adapt.h>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "data/order.h"
#include "train/estimate.h"
#include "train/evaluation.h"
#include "train/line_log.h"
#include "train/model_lease.h"
#include "train/optimizer.h"
#include "train/run_checkpoint.h"
#include "train/run_folder.h"
#include "train/run_state.h"
#include "train/schedule.h"

namespace tekio {

class Trainer {
 public:
  /// All references must outlive the trainer. Nothing is written yet, and the model is as it was. Errors: usage and
  /// input, as adapt().
  Trainer(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data, const TrainingOptions& options);
  AdaptReport run();

 private:
  /// One update as it went.
  struct UpdateResult {
    double loss = 0, grad_norm = 0, learning_rate = 0;
    int64_t tokens = 0, masked = 0;
    double seconds = 0;
  };

  void begin();
  void lease_model();
  void resume(const std::filesystem::path& checkpoint);
  void train();
  UpdateResult update_weights(const Update& update, const std::vector<CollatedBatch>& batches);
  void record(const std::vector<CollatedBatch>& batches, const UpdateResult& result);
  void trace(const std::vector<CollatedBatch>& batches, const UpdateResult& result);
  void log(const UpdateResult& result);
  void evaluate_and_save();
  std::optional<EvaluationReport> evaluate();
  std::optional<EvaluationReport> evaluate_general();
  void on_evaluated(const EvaluationReport& report);
  void save(const std::string& masking_state);
  AdaptReport finish();
  void save_result();
  AdaptReport stopped(const std::string& masking_state);
  void load_best();
  std::optional<EvaluationReport> evaluate_after();
  AdaptReport report() const;

  bool stop_early() const;
  bool evaluates() const { return data_.test.size() > 0; }
  StepRandom random(const Update& update);
  double scale(const Batch& batch, const std::vector<CollatedBatch>& update) const;
  void show_progress(const UpdateResult& result);
  double run_seconds() const;
  double chunks_done() const;
  double seconds_left() const;

  MaskedLM& handle_;
  const Tokenizer& tokenizer_;
  const Chunks::Split& data_;
  const TrainingOptions& options_;
  AccumulationLoss accumulation_loss_;

  MlmNetwork& model_;
  Schedule schedule_;
  RunFolder folder_;
  RunIdentity identity_;
  RunMasking masking_;
  TrainingBatches batches_;
  std::optional<ModelLease> lease_;  ///< from begin() until the run's result is written
  std::optional<Evaluator> evaluator_, general_evaluator_;
  Optimizer optimizer_;

  RunState state_;
  int64_t saved_step_ = 0;
  DiskReserve model_reserve_;
  LineLog metrics_, trace_;
  std::optional<Progress> bar_;
  int64_t bar_tokens_ = 0;
  WorkCosts costs_;  ///< as far as this session has seen them
  Stopwatch watch_;
  double seconds_before_ = 0, update_seconds_before_ = 0, chunks_before_ = 0;  ///< of earlier sessions
  double params_without_embeddings_ = 0;
};

}  // namespace tekio
