// RUN, the output folder: what may be written into, which checkpoints lie there, and which of them are kept.
// A folder is a run's if it holds options.json of ours, which is written before anything else; all_results.json,
// written last, says that the run is finished.
#pragma once

#include <tekio/adapt.h>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/json.h"

namespace tekio {

class RunFolder {
 public:
  /// Looks at the folder, changes nothing. Errors: usage (it holds files that are not a run's, a finished run, or
  /// checkpoints that the options neither resume nor overwrite), io.
  explicit RunFolder(const TrainingOptions& options);

  const std::filesystem::path& path() const { return path_; }
  /// The checkpoint that the options ask to go on from, checked to be whole; nullopt: begin at the beginning.
  /// Errors: io (no such folder), input (damaged).
  std::optional<std::filesystem::path> checkpoint_to_resume() const;

  /// Makes the folder if need be, sets a run that is to be overwritten aside (in previous-run), removes what killed
  /// runs left, writes options.json.
  void begin(const Json& options);
  /// The new run is whole: the one set aside is removed, and what this process could not remove before.
  void end() const;

  std::filesystem::path checkpoint(int64_t step) const;
  /// Steps of the checkpoints that lie here, ascending.
  std::vector<int64_t> checkpoints() const;
  /// Removes the oldest checkpoints until `limit` are left (0: no limit), but neither the one just saved nor the best
  /// one.
  void rotate(int64_t limit, int64_t saved_step, int64_t best_step) const;

 private:
  void set_previous_run_aside() const;
  void remove_checkpoint(int64_t step) const;
  std::filesystem::path path_;
  std::string resume_;
  bool overwrite_;
};

}  // namespace tekio
