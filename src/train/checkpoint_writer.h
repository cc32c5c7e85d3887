// Checkpoints that a thread writes while training goes on, from a copy of weights and moments: one at a time, in the
// order in which they were asked for, each as whole as one that training waits for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/worker_thread.h"
#include "train/optimizer.h"
#include "train/run_checkpoint.h"
#include "train/run_folder.h"

namespace tekio {

/// What a checkpoint holds beside weights and moments.
struct CheckpointContents {
  ModelConfig config;
  RunState state;
  std::string masking_state, trainer_state;  ///< see CheckpointParts
};

class CheckpointWriter {
 public:
  /// All references must outlive the writer. `limit` checkpoints are kept, as RunFolder::rotate() has it.
  CheckpointWriter(const RunFolder& folder, const Tokenizer& tokenizer, const RunIdentity& identity, int64_t limit);
  /// Waits for what is under way; an error of that is lost.
  ~CheckpointWriter();

  /// Bytes of the copy, which the host's memory holds from the first checkpoint on that is written beside training, and
  /// a device's that has so much to spare.
  static int64_t copy_bytes(const ModelConfig& config);
  /// Whether so much memory has room for it, and for what else a run takes as it goes.
  static bool copy_fits(const ModelConfig& config, std::optional<int64_t> available);

  /// Writes the checkpoint of `contents.state.step`, then removes those that it makes superfluous. Where training goes
  /// on, that is done beside it; the tensors may change as soon as this returns. Nothing else may be under way. Errors:
  /// io, now or from wait().
  void write(const ParameterSet& weights, Optimizer& optimizer, CheckpointContents contents, bool training_goes_on);
  /// Throws where a checkpoint was not written; does not wait.
  void check();
  /// Returns when all that was asked for is written. Errors: io.
  void wait() { thread_.wait(); }

 private:
  struct Copy;
  bool has_copy(const ModelConfig& config, Optimizer& optimizer);
  void write_all(const ParameterSet& weights, const ParameterSet& moment1, const ParameterSet& moment2,
                 const CheckpointContents& contents) const;
  const RunFolder& folder_;
  const Tokenizer& tokenizer_;
  const RunIdentity& identity_;
  int64_t limit_;
  bool has_no_room_ = false;  ///< for a copy, and that was said
  std::unique_ptr<Copy> copy_;
  WorkerThread thread_;  // the last member: it ends before what it writes
};

}  // namespace tekio
