// Every rule that training options must keep, in the order in which the header declares them. All problems are
// gathered, so that a user mends a command line once; what depends on the data (more warm-up than updates, say) is not
// checked here.
#include <fmt/format.h>
#include <tekio/adapt.h>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "train/schedule.h"

namespace tekio {
namespace {

class Problems {
 public:
  void add(std::string sentence) { found_.push_back(std::move(sentence)); }
  void unless(bool ok, const char* option, auto got, const char* rule) {
    if (!ok) add(fmt::format("--{} must be {}, got {}", option, rule, got));
  }
  void not_negative(const char* option, double value) {
    unless(std::isfinite(value) && value >= 0, option, value, "a number of at least 0");
  }
  void count(const char* option, int64_t value, int64_t least) {
    constexpr int64_t kMost = int64_t{1} << 31;  // products of two counts stay within 64 bits
    if (value < least || value > kMost)
      add(fmt::format("--{} must be a whole number from {} to {}, got {}", option, least, kMost, value));
  }
  /// Updates between two events: a whole number, or a share of all updates below 1.
  void interval(const char* option, double value, bool zero_allowed) {
    const bool whole = value >= 1 && value <= 0x1p53 && value == std::floor(value);
    const bool share = value > 0 && value < 1;
    if (!(whole || share || (zero_allowed && value == 0)))
      add(fmt::format("--{} must be a whole number of updates, or a share of all updates between 0 and 1{}, got {}",
                      option, zero_allowed ? ", or 0" : "", value));
  }
  std::vector<std::string> take() { return std::move(found_); }

 private:
  std::vector<std::string> found_;
};

void check_data(const TrainingOptions& o, Problems& problems) {
  if (o.output_dir.empty()) problems.add("--output_dir is missing: name the folder that the run is to be written to");
  for (std::string& problem : o.masking_problems()) problems.add(std::move(problem));
  for (const auto& [option, initial] :
       {std::pair{"mlm_probability", o.initial_mlm_probability}, {"wwm_probability", o.initial_wwm_probability}})
    if (initial) problems.unless(*initial > 0 && *initial <= 1, option, *initial, "above 0 and at most 1");
}

void check_optimisation(const TrainingOptions& o, Problems& problems) {
  problems.count("per_device_train_batch_size", o.per_device_train_batch_size, 1);
  problems.count("per_device_eval_batch_size", o.per_device_eval_batch_size, 1);
  problems.count("gradient_accumulation_steps", o.gradient_accumulation_steps, 1);
  problems.not_negative("learning_rate", o.learning_rate);
  problems.not_negative("weight_decay", o.weight_decay);
  problems.unless(o.adam_beta1 >= 0 && o.adam_beta1 < 1, "adam_beta1", o.adam_beta1, "at least 0 and below 1");
  problems.unless(o.adam_beta2 >= 0 && o.adam_beta2 < 1, "adam_beta2", o.adam_beta2, "at least 0 and below 1");
  problems.unless(std::isfinite(o.adam_epsilon) && o.adam_epsilon > 0, "adam_epsilon", o.adam_epsilon,
                  "a number above 0");
  problems.not_negative("max_grad_norm", o.max_grad_norm);
  if (o.lr_scheduler_type == LrScheduler::polynomial && !(o.learning_rate > kPolynomialEnd))
    problems.add(
        fmt::format("--lr_scheduler_type polynomial falls to {}, so --learning_rate must be above that, got {}",
                    kPolynomialEnd, o.learning_rate));
  problems.count("warmup_steps", o.warmup_steps, 0);
  problems.unless(o.warmup_ratio >= 0 && o.warmup_ratio <= 1, "warmup_ratio", o.warmup_ratio, "between 0 and 1");
  problems.unless(o.max_steps > 0 || o.max_steps == -1, "max_steps", o.max_steps,
                  "a number of updates above 0, or -1 for num_train_epochs");
  problems.unless(o.max_steps > 0 || (o.num_train_epochs > 0 && o.num_train_epochs <= 1e9), "num_train_epochs",
                  o.num_train_epochs, "above 0 and at most 1e9");
  if (o.dropout) problems.unless(*o.dropout >= 0 && *o.dropout < 1, "dropout", *o.dropout, "at least 0 and below 1");
}

void check_reports(const TrainingOptions& o, Problems& problems) {
  problems.interval("logging_steps", o.logging_steps, true);
  problems.interval("eval_steps", o.eval_steps, true);
  if (o.save_strategy == Interval::steps) problems.interval("save_steps", o.save_steps, false);
  problems.count("save_total_limit", o.save_total_limit, 0);
  problems.count("early_stopping_patience", o.early_stopping_patience, 0);
  if (o.early_stopping_patience > 0 && o.eval_strategy == Interval::no)
    problems.add("--early_stopping_patience needs evaluations: set --eval_strategy to steps or epoch");
  if (o.load_best_model_at_end && (o.eval_strategy == Interval::no || o.eval_strategy != o.save_strategy))
    problems.add(
        "--load_best_model_at_end needs a checkpoint of every evaluation: --eval_strategy and --save_strategy must be "
        "the same, steps or epoch");
  else if (o.load_best_model_at_end && o.eval_strategy == Interval::steps) {
    const double every = o.eval_steps > 0 ? o.eval_steps : o.logging_steps;  // 0 by now: once per epoch
    const double times = every > 0 ? o.save_steps / every : 0;
    if (every > 0 && std::abs(times - std::round(times)) > 1e-9 * times)
      problems.add(
          fmt::format("--load_best_model_at_end needs --save_steps to be a multiple of --eval_steps, got {} and {}",
                      o.save_steps, every));
    if (every == 0) problems.add("--load_best_model_at_end with --eval_strategy steps needs --eval_steps");
  }
}

}  // namespace

std::vector<std::string> TrainingOptions::problems() const {
  Problems problems;
  check_data(*this, problems);
  check_optimisation(*this, problems);
  check_reports(*this, problems);
  return problems.take();
}

}  // namespace tekio
