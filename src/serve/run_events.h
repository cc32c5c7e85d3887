// A run that is watched: its updates and evaluations as they are written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tekio::serve {

/// Server-sent events: "event: update" with a line of metrics.jsonl, "event: evaluation" with an entry of the newest
/// trainer_state.json (the run's, or its checkpoints'), "event: again" where another run took the folder.
class RunEvents {
 public:
  explicit RunEvents(std::filesystem::path run) : run_(std::move(run)) {}
  /// What was written since the last call, at most a quarter of a megabyte of updates; empty: nothing.
  std::string next();

 private:
  std::string updates();
  std::string evaluations();

  std::filesystem::path run_;
  uint64_t position_ = 0;  // of metrics.jsonl
  std::filesystem::path state_;
  std::filesystem::file_time_type state_time_{};
  int64_t last_step_ = -1;  // of the evaluations that were sent
};

/// The prompts that the run was asked for; none where there is no such run yet.
std::vector<std::string> prompts_of(const std::filesystem::path& run);

}  // namespace tekio::serve
