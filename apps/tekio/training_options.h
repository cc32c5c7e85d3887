// The options of adapt and pretrain but for those that name the model.
#pragma once

#include <tekio/tekio.h>

#include <optional>
#include <string>
#include <vector>

#include "inputs.h"
#include "run_mlm_options.h"

namespace tekio::cli {

struct TrainingArguments {
  std::vector<std::string> data, train_file, validation_file, general_data;
  int64_t validation_split_percentage = 5;
  int64_t train_size = 0, test_size = 0;
  std::optional<uint64_t> split_seed;  // of train_size and test_size, if not the run's
  int64_t max_train_samples = 0, max_eval_samples = 0;
  ReadOptions read;
  ChunkOptions chunks;
  TrainingOptions training;
  double warmup_steps = 0;  // the reference's: below 1 it is a share
  enum class Logging { automatic, no, steps, epoch } logging_strategy = Logging::automatic;
  bool dry_run = false;
  std::optional<uint64_t> watch;  // a port
  struct Hub {
    bool push = false, is_private = false;
    std::string model_id, token;
  } hub;
  RunMlmOptions run_mlm;

  /// The first ones join the group that the table has open.
  void add_to(OptionTable& table);
  /// Those of them that name neither data nor the run folder.
  void add_training_to(OptionTable& table);
  /// Contradictions and problems; puts into `training` what its fields cannot take as it stands on the command line.
  /// Errors: usage (all of the training options' problems in one sentence).
  void resolve(const OptionTable& table, Common& common);
  /// The same of add_training_to()'s, and of `training` as a whole; returns the problems, and what has no effect is
  /// noted.
  std::vector<std::string> resolve_training(const OptionTable& table);
  /// --data or --train_file; empty: neither was given.
  const std::vector<std::string>& training_data() const { return data.empty() ? train_file : data; }
  /// The options as a config file that asks for this run again. What says where this session begins, by overwriting or
  /// resuming, is left out: the next one may resume the run, or repeat it elsewhere.
  std::string record(const OptionTable& table, int ranks);

 private:
  void check_data(const OptionTable& table, std::vector<std::string>& problems) const;
  void resolve_device(Common& common, std::vector<std::string>& problems) const;
  void resolve_intervals(const OptionTable& table, std::vector<std::string>& problems);
};

}  // namespace tekio::cli
