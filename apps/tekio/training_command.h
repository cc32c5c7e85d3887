// What adapt and pretrain share, which is all but where the model comes from: the options, the data, the plan, the run
// and its result.
#pragma once

#include <optional>
#include <string>

#include "dist/communicator.h"
#include "run_data.h"
#include "stop_signals.h"
#include "training_options.h"

namespace tekio::cli {

class TrainingCommand : public Command {
 public:
  void add_options(OptionTable& table) final;
  void check(const OptionTable& table, const std::vector<std::string>& positionals) final;
  int run(const OptionTable& table, const std::vector<std::string>& positionals, Output& out) final;

 protected:
  /// `made`: what the run folder's default name calls the result, MODEL-finetuned-DATA say.
  explicit TrainingCommand(const char* made) : made_(made) {}

  /// Where the model comes from, found before anything is opened.
  struct Origin {
    ModelPlace place;
    std::string option;  ///< "--model ./m"
  };
  virtual void add_model_options(OptionTable& table) = 0;
  virtual void check_model_options(const OptionTable& table) const = 0;
  virtual Origin find() = 0;
  virtual OpenModel open(const Origin& origin) const = 0;
  /// What to train on where the command line names nothing. Errors: usage (there is no such text).
  virtual std::vector<std::string> default_data() const = 0;

 private:
  /// `opening`: seconds that it took to open the model, which the run takes too.
  int print_plan(const OpenModel& opened, const RunData& data, double opening, RankCount ranks, Output& out) const;
  int run_as_one_of(Communicator& ranks, std::optional<StopSignals>& signals, const OptionTable& table, Output& out);

  const char* made_;
  TrainingArguments arguments_;
};

}  // namespace tekio::cli
