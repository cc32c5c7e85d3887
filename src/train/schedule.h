// How long a run is, what happens after which update, and the learning rate and the masked share of each. Everything
// here is a pure function of the options and the number of training chunks, so resuming a run means starting at another
// update.
#pragma once

#include <tekio/adapt.h>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/update_plan.h"

namespace tekio {

/// What --lr_scheduler_type polynomial falls to.
constexpr double kPolynomialEnd = 1e-7;

/// The values of --lr_scheduler_type, in the enumeration's order.
const std::vector<std::pair<std::string, LrScheduler>>& lr_schedulers();
const std::string& name_of(LrScheduler scheduler);

class Schedule {
 public:
  /// Of a run that `ranks` processes work on. Errors: input (no training chunk).
  Schedule(const TrainingOptions& options, int64_t train_chunks, int ranks = 1);

  const UpdatePlan& plan() const { return plan_; }
  int64_t updates_per_epoch() const { return plan_.updates_per_epoch(); }
  int64_t updates() const { return updates_; }  ///< of the whole run
  int64_t epochs() const { return epochs_; }    ///< begun, the last one perhaps not finished
  int64_t warmup() const { return warmup_; }
  int64_t log_every() const { return log_every_; }  ///< updates; 0: at epochs' ends
  int64_t evaluate_every() const { return evaluate_every_; }
  int64_t save_every() const { return save_every_; }

  Update update(int64_t step) const { return plan_.update(step); }
  /// The rate of update `step`, to the last bit the reference's: base * factor, in double.
  double learning_rate(int64_t step) const;
  /// The share that update `step` masks: in a straight line over the run (Ankner et al. 2024, "Dynamic masking rate
  /// schedules for MLM pretraining").
  double masking_rate(int64_t step) const;
  bool masking_rate_changes() const { return initial_masking_ != masking_; }
  /// Passes over the data after `steps` updates: 1.0 after the first.
  double epoch_after(int64_t steps) const;

  /// What follows the last of `steps` updates by their number, and then, where epoch_ends_after() it, the epoch.
  RunControl after_update(int64_t steps) const;
  RunControl after_epoch(int64_t steps) const;
  bool epoch_ends_after(int64_t steps) const { return steps % updates_per_epoch() == 0 || steps == updates_; }
  /// Whether anything follows, by the options.
  bool is_followed(int64_t steps) const;
  /// Whether an evaluation is among all that.
  bool evaluates_after(int64_t steps) const;
  // How many evaluations and checkpoints there are between `steps` updates and the run's end.
  int64_t evaluations_left(int64_t steps) const { return left(steps, evaluation_, evaluate_every_); }
  int64_t saves_left(int64_t steps) const { return left(steps, saving_, save_every_); }

 private:
  bool due_after(int64_t steps, Interval strategy, int64_t every) const;
  bool save_waits_for_epoch(int64_t steps) const;
  int64_t left(int64_t steps, Interval strategy, int64_t every) const;

  LrScheduler type_;
  Interval evaluation_, saving_;
  double base_rate_;
  double initial_masking_, masking_;
  UpdatePlan plan_;
  int64_t updates_ = 0, epochs_ = 0, warmup_ = 0;
  int64_t log_every_ = 0, evaluate_every_ = 0, save_every_ = 0;
};

}  // namespace tekio
