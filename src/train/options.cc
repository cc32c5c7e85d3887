// Every rule that training options must keep: each value's own first (training_options.h), then those that bind
// several. All problems are gathered, so that a user mends a command line once; what depends on the data (more warm-up
// than updates, say) is not checked here.
#include <fmt/format.h>
#include <tekio/adapt.h>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "data/option_problems.h"
#include "train/training_options.h"

namespace tekio {
namespace {

/// What a rule of TrainingOptions needs beside the value's own range.
class Problems : public OptionProblems {
 public:
  explicit Problems(const TrainingOptions& o) : o_(o) {}

 protected:
  bool counts(std::string_view name) const override {
    if (name == "num_train_epochs") return o_.max_steps <= 0;
    if (name == "save_steps") return o_.save_strategy == Interval::steps;
    return true;
  }

 private:
  const TrainingOptions& o_;
};

void check_together(const TrainingOptions& o, OptionProblems& problems) {
  if (o.max_steps <= 0 && std::isfinite(o.num_train_epochs) && o.num_train_epochs > 1e9)
    problems.add(message("--num_train_epochs is {}, expected at most 1e9", o.num_train_epochs));
  if (o.lr_scheduler_type == LrScheduler::polynomial && !(o.learning_rate > kPolynomialEnd))
    problems.add(message("--lr_scheduler_type polynomial falls to {}, so --learning_rate must be above that, got {}",
                         kPolynomialEnd, o.learning_rate));
  if (o.early_stopping_patience > 0 && o.eval_strategy == Interval::no)
    problems.add(message("--early_stopping_patience needs evaluations: set --eval_strategy to steps or epoch"));
  if (o.load_best_model_at_end && (o.eval_strategy == Interval::no || o.eval_strategy != o.save_strategy))
    problems.add(
        message("--load_best_model_at_end needs a checkpoint of every evaluation: --eval_strategy and --save_strategy "
                "must be the same, steps or epoch"));
  else if (o.load_best_model_at_end && o.eval_strategy == Interval::steps) {
    const double every = o.eval_steps > 0 ? o.eval_steps : o.logging_steps;  // 0 by now: once per epoch
    const double times = every > 0 ? o.save_steps / every : 0;
    if (every > 0 && std::abs(times - std::round(times)) > 1e-9 * times)
      problems.add(
          message("--load_best_model_at_end needs --save_steps to be a multiple of --eval_steps, got {} and {}",
                  o.save_steps, every));
    if (every == 0) problems.add(message("--load_best_model_at_end with --eval_strategy steps needs --eval_steps"));
  }
}

}  // namespace

std::vector<std::string> TrainingOptions::problems() const {
  Problems problems(*this);
  if (output_dir.empty())
    problems.add(message("--output_dir is missing: name the folder that the run is to be written to"));
  walk_training_options(*this, problems);
  for (std::string& problem : masking_contradictions(*this)) problems.add(std::move(problem));
  check_together(*this, problems);
  return problems.take();
}

}  // namespace tekio
