// Counts as the reference's Trainer counts them, factors as its schedulers compute them: in double, operation by
// operation in the same order, because a learning rate that differs in its last bit is a different run.
#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace tekio {
namespace {

/// Errors: input (no chunk).
int64_t required(int64_t train_chunks) {
  if (train_chunks <= 0)
    fail(ErrorKind::input,
         "there is no chunk to train on: the training text is shorter than one chunk; give more text, or a "
         "smaller --chunk_size");
  return train_chunks;
}

/// Updates between two events; a share of all updates below 1. 0 stays 0.
int64_t resolved_interval(double interval, int64_t updates) {
  if (interval > 0 && interval < 1) return static_cast<int64_t>(std::ceil(static_cast<double>(updates) * interval));
  return static_cast<int64_t>(interval);
}

/// Of evaluations and checkpoints.
bool goes_by_epochs(Interval strategy, int64_t every) {
  return strategy == Interval::epoch || (strategy == Interval::steps && every == 0);
}

}  // namespace

const std::vector<std::pair<std::string, LrScheduler>>& lr_schedulers() {
  static const std::vector<std::pair<std::string, LrScheduler>> all = {
      {"linear", LrScheduler::linear},
      {"cosine", LrScheduler::cosine},
      {"cosine_with_restarts", LrScheduler::cosine_with_restarts},
      {"constant", LrScheduler::constant},
      {"constant_with_warmup", LrScheduler::constant_with_warmup},
      {"polynomial", LrScheduler::polynomial},
      {"inverse_sqrt", LrScheduler::inverse_sqrt}};
  return all;
}

const std::string& name_of(LrScheduler scheduler) { return lr_schedulers()[static_cast<size_t>(scheduler)].first; }

Schedule::Schedule(const TrainingOptions& o, int64_t train_chunks, int ranks)
    : type_(o.lr_scheduler_type),
      evaluation_(o.eval_strategy),
      saving_(o.save_strategy),
      base_rate_(o.learning_rate),
      initial_masking_(o.initial_rate()),
      masking_(o.rate()),
      plan_(required(train_chunks), o.per_device_train_batch_size, o.gradient_accumulation_steps, ranks) {
  if (o.max_steps > 0) {
    updates_ = o.max_steps;
  } else {
    const double updates = std::ceil(o.num_train_epochs * static_cast<double>(updates_per_epoch()));
    if (updates > 0x1p53)
      fail(ErrorKind::usage, "--num_train_epochs {} of {} updates each are more updates than can be counted",
           o.num_train_epochs, updates_per_epoch());
    updates_ = static_cast<int64_t>(updates);
  }
  epochs_ = divided_up(updates_, updates_per_epoch());
  warmup_ = o.warmup_steps > 0 ? o.warmup_steps
                               : static_cast<int64_t>(std::ceil(static_cast<double>(updates_) * o.warmup_ratio));
  log_every_ = resolved_interval(o.logging_steps, updates_);
  evaluate_every_ = resolved_interval(o.eval_steps > 0 ? o.eval_steps : o.logging_steps, updates_);
  save_every_ = resolved_interval(o.save_steps, updates_);
}

double Schedule::learning_rate(int64_t step) const {
  const auto s = static_cast<double>(step), w = static_cast<double>(warmup_);
  const auto after_warmup = static_cast<double>(std::max<int64_t>(1, updates_ - warmup_));
  if (type_ == LrScheduler::constant) return base_rate_;
  if (step < warmup_) return base_rate_ * (s / std::max(1.0, w));
  switch (type_) {
    case LrScheduler::constant:
    case LrScheduler::constant_with_warmup:
      return base_rate_;
    case LrScheduler::linear:
      return base_rate_ * std::max(0.0, static_cast<double>(updates_ - step) / after_warmup);
    case LrScheduler::polynomial: {  // of power 1
      const double left = 1 - static_cast<double>(step - warmup_) / static_cast<double>(updates_ - warmup_);
      return base_rate_ * (((base_rate_ - kPolynomialEnd) * left + kPolynomialEnd) / base_rate_);
    }
    case LrScheduler::inverse_sqrt: {
      const int64_t timescale = warmup_ > 0 ? warmup_ : 10'000;
      return base_rate_ *
             (1 / std::sqrt(static_cast<double>(step + timescale - warmup_) / static_cast<double>(timescale)));
    }
    case LrScheduler::cosine:
    case LrScheduler::cosine_with_restarts:  // after one cycle, which is the run
      break;
  }
  const double progress = static_cast<double>(step - warmup_) / after_warmup;
  constexpr double kCycles = 0.5;
  return base_rate_ * std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * kCycles * 2.0 * progress)));
}

double Schedule::masking_rate(int64_t step) const {
  return initial_masking_ + (masking_ - initial_masking_) * (static_cast<double>(step) / static_cast<double>(updates_));
}

double Schedule::epoch_after(int64_t steps) const {
  if (steps == 0) return 0;
  const Update last = update(steps - 1);
  return static_cast<double>(last.epoch) +
         static_cast<double>(last.first_batch + last.batches) / static_cast<double>(plan_.batches_per_epoch());
}

/// Of what goes by the number of updates.
bool Schedule::due_after(int64_t steps, Interval strategy, int64_t every) const {
  return strategy == Interval::steps && every > 0 &&
         (steps % every == 0 || steps == updates_);  // the last always counts
}

/// Whether the epoch that ends here has more to put into a checkpoint.
bool Schedule::save_waits_for_epoch(int64_t steps) const {
  return epoch_ends_after(steps) && (log_every_ == 0 || goes_by_epochs(evaluation_, evaluate_every_));
}

RunControl Schedule::after_update(int64_t steps) const {
  return {.log = log_every_ > 0 && steps % log_every_ == 0,
          .evaluate = due_after(steps, evaluation_, evaluate_every_),
          .save = due_after(steps, saving_, save_every_) && !save_waits_for_epoch(steps)};
}

bool Schedule::is_followed(int64_t steps) const {
  const auto any = [](const RunControl& control) { return control.log || control.evaluate || control.save; };
  return any(after_update(steps)) || (epoch_ends_after(steps) && any(after_epoch(steps)));
}

bool Schedule::evaluates_after(int64_t steps) const {
  return after_update(steps).evaluate || (epoch_ends_after(steps) && after_epoch(steps).evaluate);
}

RunControl Schedule::after_epoch(int64_t steps) const {
  return {.log = log_every_ == 0,
          .evaluate = goes_by_epochs(evaluation_, evaluate_every_),
          .save = goes_by_epochs(saving_, save_every_) ||
                  (due_after(steps, saving_, save_every_) && save_waits_for_epoch(steps))};
}

int64_t Schedule::left(int64_t steps, Interval strategy, int64_t every) const {
  if (strategy == Interval::no || steps >= updates_) return 0;
  const int64_t interval = goes_by_epochs(strategy, every) ? updates_per_epoch() : every;
  return divided_up(updates_, interval) - steps / interval;  // the run's last update always counts
}

}  // namespace tekio
