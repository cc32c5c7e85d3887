// Everything that a run knows at a moment, beside weights and moments: small, and a JSON document in every checkpoint.
#pragma once

#include <tekio/adapt.h>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace tekio {

/// A mean of updates' losses, each with the weight that RunState::loss_weight says.
struct MeanLoss {
  double sum = 0, weight = 0;
  void add(double loss, double its_weight) {
    sum += loss * its_weight;
    weight += its_weight;
  }
  /// 0 where nothing has weight.
  double mean() const { return weight > 0 ? sum / weight : 0; }
};

struct RunState {
  int64_t step = 0;               ///< updates done
  int64_t tokens = 0;             ///< trained on, padding not counted
  double total_flos = 0;          ///< as the reference counts them
  double update_seconds = 0;      ///< spent in updates, over all sessions of the run
  double batch_seconds = 0;       ///< of those: until the batches were there
  double checkpoint_seconds = 0;  ///< until checkpoints were copied or written, and until earlier ones were
  double run_seconds = 0;         ///< spent in training with its evaluations and checkpoints

  MeanLoss loss, loss_since_log, loss_since_evaluation;
  int64_t steps_without_masked_tokens = 0;

  bool evaluation_due = false;   ///< stopped between an update and the evaluation that follows it
  int64_t evaluations_done = 0;  ///< the one before training included
  std::optional<double> best_loss;
  int64_t best_step = 0;
  int64_t evaluations_without_gain = 0;

  std::optional<EvaluationReport> before, general_before;
  std::vector<EvaluationPoint> evaluations;
  std::vector<AdaptReport::Prompt> prompts;  ///< `before` only
  Json log_history = Json::array();          ///< the reference's

  /// What an update's loss weighs in a mean: its masked tokens, so that one without any weighs nothing. Where the run
  /// is to be compared with the reference's: 1, as that averages over updates.
  static double loss_weight(MaskingRng rng, int64_t masked) {
    return rng == MaskingRng::counter ? static_cast<double>(masked) : 1;
  }

  Json to_json() const;
  /// Errors: input (a key missing or of another kind; `where` stands in the message).
  static RunState from_json(const Json& document, const std::string& where);
  /// A document of form 1, which knew losses as sums over updates, as from_json() reads it. Under the counter an update
  /// then weighs what `masked_share` of the tokens gives on average.
  static Json from_form_1(Json document, MaskingRng rng, double masked_share);
};

}  // namespace tekio
