// The trainer: one run from its first update, or from a checkpoint, to the adapted model in its folder.
#pragma once

#include <tekio/adapt.h>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "data/order.h"
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
  /// All references must outlive the trainer. Nothing is written yet. Errors: usage and input, as adapt().
  Trainer(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data, const TrainingOptions& options);
  AdaptReport run();

 private:
  void begin();
  void resume(const std::filesystem::path& checkpoint);
  void train();
  double update_weights(const Update& update, const std::vector<CollatedBatch>& batches, double learning_rate,
                        double& loss);
  void record(const Update& update, const std::vector<CollatedBatch>& batches, double loss, double norm,
              double learning_rate, double seconds);
  void trace(const std::vector<CollatedBatch>& batches, double loss, double norm, double learning_rate);
  void evaluate_and_save();
  std::optional<EvaluationReport> evaluate();
  void on_evaluated(const EvaluationReport& report);
  void save(const std::string& masking_state);
  AdaptReport finish();
  void save_result();
  AdaptReport stopped(const std::string& masking_state);
  std::optional<EvaluationReport> judge_after();
  AdaptReport report() const;

  bool stop_early() const;
  bool evaluates() const { return data_.test.size() > 0; }
  StepRandom random(const Update& update);
  double scale(const Batch& batch, const std::vector<CollatedBatch>& update) const;
  void show_progress(const Update& update, int64_t tokens, double loss);

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
  ModelLease lease_;
  std::optional<Evaluator> evaluator_;
  Optimizer optimizer_;

  RunState state_;
  int64_t saved_step_ = 0;
  DiskReserve model_reserve_;
  LineLog metrics_, trace_;
  std::optional<Progress> bar_;
  int64_t bar_tokens_ = 0;
  std::chrono::steady_clock::time_point begun_;
  double seconds_before_ = 0;  ///< run_seconds of earlier sessions
  double params_without_embeddings_ = 0;
  bool warned_of_nothing_masked_ = false;
};

}  // namespace tekio
