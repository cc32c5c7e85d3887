// How long a run takes: how often its parts come, times what each costs here, measured on its own model and chunks.
#pragma once

#include <optional>

#include "model/masked_lm.h"
#include "train/plan.h"
#include "train/schedule.h"

namespace tekio {

/// What a run is still to do.
struct WorkLeft {
  double chunks = 0;  ///< to train on
  int64_t evaluations = 0, general_evaluations = 0, checkpoints = 0;
  bool model = true;  ///< the adapted model is to be saved

  /// After `steps` updates. The evaluations before the first one are not counted.
  static WorkLeft after(int64_t steps, const TrainingOptions& options, const Schedule& schedule,
                        const Chunks::Split& data);
};

/// Seconds that each of these takes.
struct WorkCosts {
  double chunk = 0;  ///< an update's time by the chunks in it
  double evaluation = 0, general_evaluation = 0, checkpoint = 0, model = 0;
  double of(const WorkLeft& work) const;
  /// Those of files, from a trial where the run folder is to be; nothing stays there.
  static WorkCosts of_files(const TrainingOptions& options, const DiskPlan& disk);
};

/// Costs of a run that has not begun: updates and evaluations of few chunks are timed (some 0.3 s; a second or two
/// where the model is large), and carried over to whole batches of the run's own lengths. The weights end as they were.
/// nullopt: there is no memory for it.
std::optional<WorkCosts> measure_costs(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
                                       const TrainingOptions& options, const DiskPlan& disk, DType type);

}  // namespace tekio
