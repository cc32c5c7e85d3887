// RUN, the output folder: what may be written into, which checkpoints lie there, and which of them are kept.
// A folder is a run's if it holds options.json of ours, which is written before anything else; all_results.json,
// written last, says that the run is finished. One run at a time writes into it: that one holds the lock.
#pragma once

#include <tekio/adapt.h>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"

namespace tekio {

struct DiskPlan;

/// Of the evaluation before training, as long as the run is under way; what it and the last one say of words and
/// chunks; the run as a page.
constexpr const char* kEvaluationBefore = "evaluation-before.bin";
constexpr const char* kEvaluationDetails = "evaluation.json";
constexpr const char* kReportPage = "report.html";

/// Steps of the checkpoints in a folder, ascending; none where there is no such folder.
std::vector<int64_t> checkpoints_in(const std::filesystem::path& folder);
/// Where the checkpoint of an update lies in a run's folder.
std::filesystem::path checkpoint_in(const std::filesystem::path& folder, int64_t step);
/// Whether `path` is `folder` or lies in it, by their real paths.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder);

/// "run-2" where "run" is taken, "run-3" where "run-2" is too: the first of these that is not there.
std::filesystem::path next_free_name(const std::filesystem::path& folder);

class RunFolder {
 public:
  /// Looks at the folder, changes nothing. Errors: usage (another run writes into it, or it holds files that are not a
  /// run's, a finished run, or checkpoints that the options neither resume nor overwrite), io (also: the checkpoint
  /// that the options name is not there).
  explicit RunFolder(const TrainingOptions& options);
  /// Lets go of the folder; one that was made and never written into is removed.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  /// Makes the folder if need be, takes it for this run as long as this object lives, and looks again: another run may
  /// have come and gone meanwhile. Errors: as above.
  void claim();

  /// Holds the trained model's room, since a disk that is full at the end must not cost it; warns where checkpoints
  /// will have none. The folder must have been claimed. Errors: io (no room).
  DiskReserve reserve(const DiskPlan& plan) const;

  const std::filesystem::path& path() const { return path_; }
  /// The checkpoint that the options ask to go on from, checked to be whole; nullopt: begin at the beginning.
  /// Errors: io (no such folder), input (damaged).
  std::optional<std::filesystem::path> checkpoint_to_resume() const;

  /// The folder, claimed, becomes this run's: a run that is to be overwritten is set aside (in previous-run), what
  /// killed runs left is removed, options.json is written, and options.toml where there is a text for it.
  void begin(const Json& options, const std::string& options_toml = "");
  /// The run came to nothing before its first update: what begin() wrote is removed where it lies in a folder that was
  /// nobody's before. Never throws.
  void abandon();
  /// The new run is whole: the one set aside is removed, and what this process could not remove before.
  void end() const;

  std::filesystem::path checkpoint(int64_t step) const;
  /// Steps of the checkpoints that lie here, ascending.
  std::vector<int64_t> checkpoints() const { return checkpoints_in(path_); }
  /// Removes the oldest checkpoints until `limit` are left (0: no limit), but neither the one just saved nor the best
  /// one.
  void rotate(int64_t limit, int64_t saved_step, int64_t best_step) const;

 private:
  void check_contents() const;
  [[noreturn]] void refuse_in_use() const;
  void set_previous_run_aside() const;
  std::filesystem::path path_;
  LockFile lock_;
  bool was_free_ = false;                    ///< begin() found no run here
  std::vector<std::filesystem::path> made_;  ///< folders that claim() made, innermost first
  std::string resume_;
  bool overwrite_;
};

}  // namespace tekio
