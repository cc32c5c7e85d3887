// RUN/run.json: what a finished run was and what it measured, in one document for whoever reports on it (a model card,
// a comparison). The reference's own files have some of the figures; this has all of them, those from before training
// too.
#pragma once

#include <tekio/adapt.h>
#include <filesystem>
#include <optional>
#include <string>

#include "base/json.h"

namespace tekio {

constexpr const char* kRunRecord = "run.json";

/// What a run's speed hangs on.
struct RunMachine {
  std::string processor;  ///< as the system names it; empty if it does not
  int threads = 1;        ///< of each process
  int processes = 1;
  double limit_gflops = 0;  ///< of all processes' matrix products, measured after training; 0: it was too short for it
  double gflops = 0;        ///< what the arithmetic of its training steps came to
};

/// Of a run's seconds of training, those for which its updates waited: until batches were there, evaluations done, and
/// checkpoints copied or written.
struct RunWaits {
  double batches = 0, evaluations = 0, checkpoints = 0;
};

struct RunSetting {
  std::string device, dtype;  ///< where and in what was computed
  RunMachine machine;
  RunWaits waits;
  std::optional<EvaluationReport> before;  ///< nothing where there was no text to evaluate on
};

/// `after` as `before`. Errors: io.
void write_run_record(const std::filesystem::path& folder, const TrainingOptions& options, const Chunks::Split& data,
                      const AdaptReport& report, const EvaluationReport* after, const RunSetting& setting);

}  // namespace tekio
