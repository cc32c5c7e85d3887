// Everything that a run knows at a moment, beside weights and moments: small, and a JSON document in every checkpoint.
#pragma once

#include <tekio/adapt.h>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace tekio {

struct RunState {
  int64_t step = 0;           ///< updates done
  int64_t tokens = 0;         ///< trained on, padding not counted
  double total_flos = 0;      ///< as the reference counts them
  double update_seconds = 0;  ///< spent in updates, over all sessions of the run
  double run_seconds = 0;     ///< spent in training with its evaluations and checkpoints

  double loss_total = 0;  ///< sum over updates
  double loss_since_log = 0;
  int64_t logged_step = 0;
  double loss_since_report = 0;
  int64_t reported_step = 0;

  bool evaluation_due = false;  ///< stopped between an update and the evaluation that follows it
  int64_t evaluations = 0;      ///< done so far, the one before training included
  std::optional<double> best_loss;
  int64_t best_step = 0;
  int64_t evaluations_without_gain = 0;

  std::optional<EvaluationReport> before;
  std::vector<EpochReport> epochs;
  std::vector<AdaptReport::Prompt> prompts;  ///< `before` only
  Json log_history = Json::array();          ///< the reference's

  Json to_json() const;
  /// Errors: input (a key missing or of another kind; `where` stands in the message).
  static RunState from_json(const Json& document, const std::string& where);
};

}  // namespace tekio
