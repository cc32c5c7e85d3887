// A run that is watched: its updates and evaluations as they are written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace tekio::serve {

/// What a run says of its evaluations while it trains, which its files do not have before a checkpoint.
class ToldEvaluations {
 public:
  /// An entry of the log history.
  void add(Json entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }
  /// Those from the given number on.
  std::vector<Json> from(size_t first) const {
    const std::lock_guard lock(mutex_);
    return {entries_.begin() + static_cast<std::ptrdiff_t>(std::min(first, entries_.size())), entries_.end()};
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Json> entries_;
};

/// Server-sent events: "event: update" with a line of metrics.jsonl, "event: evaluation" with an entry of that
/// trainer_state.json which has the most updates (the run's, or its checkpoints'), "event: again" where another run
/// took the folder.
class RunEvents {
 public:
  /// `told`: where the run is one of this process.
  explicit RunEvents(std::filesystem::path run, std::shared_ptr<const ToldEvaluations> told = nullptr)
      : run_(std::move(run)), told_(std::move(told)) {}
  /// What was written since the last call, at most a quarter of a megabyte of updates; empty: nothing.
  std::string next();

 private:
  /// A trainer_state.json as it was found.
  struct Record {
    Record() = default;
    explicit Record(std::filesystem::path path);
    bool operator==(const Record&) const = default;
    std::filesystem::path file;
    std::filesystem::file_time_type time{};
    uintmax_t size = 0;
  };
  std::string updates();
  std::string evaluations();
  std::string recorded();
  std::string events_of(const Json& entries);

  std::filesystem::path run_;
  std::shared_ptr<const ToldEvaluations> told_;
  size_t told_position_ = 0;
  uint64_t position_ = 0;   // of metrics.jsonl
  Record own_, last_;       // of the run, and of its last checkpoint, as they were read
  int64_t last_step_ = -1;  // of the evaluations that were sent
};

/// The prompts that the run was asked for; none where there is no such run yet.
std::vector<std::string> prompts_of(const std::filesystem::path& run);

}  // namespace tekio::serve
