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

struct RunSetting {
  std::string device, dtype;               ///< where and in what was computed
  std::optional<EvaluationReport> before;  ///< nothing where there was no text to evaluate on
};

/// `after` as `before`. Errors: io.
void write_run_record(const std::filesystem::path& folder, const TrainingOptions& options, const Chunks::Split& data,
                      const AdaptReport& report, const EvaluationReport* after, const RunSetting& setting);

}  // namespace tekio
