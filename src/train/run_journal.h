// All that a run writes and says: its folder, metrics.jsonl, the trace, checkpoints, what prompts become, results,
// lines and progress on the terminal. It owns the folder and the run's account (RunState), which every rank keeps
// alike; only rank 0 has the folder, the others' journals are silent. It computes nothing but with prompts.
#pragma once

#include <tekio/adapt.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "dist/communicator.h"
#include "model/masked_lm.h"
#include "report/event_file.h"
#include "train/checkpoint_writer.h"
#include "train/estimate.h"
#include "train/line_log.h"
#include "train/optimizer.h"
#include "train/run_checkpoint.h"
#include "train/run_folder.h"
#include "train/run_state.h"
#include "train/schedule.h"
#include "train/update_step.h"

namespace tekio {

class RunJournal {
 public:
  /// All references must outlive the journal. Looks at the folder, writes nothing. Errors: as RunFolder.
  RunJournal(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data, const TrainingOptions& options,
             const Schedule& schedule, Communicator& ranks);

  // A run's beginning, in this order.
  /// Takes the folder; returns the checkpoint that the run is to go on from. Errors: as RunFolder.
  std::optional<std::filesystem::path> open();
  /// What prompts are before training. The model must be free.
  void fill_prompts();
  /// Or, instead: the account as the checkpoint has it. Errors: usage (of another run), input.
  CheckpointRecord read(const std::filesystem::path& checkpoint);
  /// What was read is restored.
  void resumed(const std::filesystem::path& checkpoint, int64_t form);
  /// The folder becomes this run's, and files are opened. Errors: io, usage (the trace is another file).
  void begin();
  /// What the evaluation before training gave of each chunk, for the comparison at the end. Errors: io.
  void keep_before(const ChunkLosses& each);
  /// The first update follows.
  void start_clock();

  RunState& state() { return state_; }
  const RunState& state() const { return state_; }
  /// Whether evaluations no longer improve, or a callback has had enough, and the run is to end for that.
  bool stops_early() const;
  void end_early() { ends_early_ = true; }

  /// Errors: io.
  void record(const UpdateResult& result);
  /// The update that was recorded last, for a callback.
  UpdatePoint point(const UpdateResult& result) const;
  /// An entry of the log history, and its line; `evaluates`: an evaluation follows, whose line says it, too.
  void log(const UpdateResult& result, bool evaluates);
  void show_progress(const UpdateResult& result);
  /// Nothing stands on the terminal until the next update.
  void clear_progress() { bar_.reset(); }
  void on_evaluated(const EvaluationReport& evaluation, int64_t batches);
  /// How long the last evaluation took, for the time left.
  void took(const EvaluationReport& evaluation) { costs_.evaluation = evaluation.seconds; }
  void general_took(const EvaluationReport& evaluation) { costs_.general_evaluation = evaluation.seconds; }

  /// A checkpoint as of now, and what may go because of it; written beside training where that goes on. One that could
  /// not be written is an error of this, of record(), or of wait_for_checkpoints(). Errors: io.
  void save(Optimizer& optimizer, const std::string& masking_state, bool training_goes_on);
  /// Returns when all is written. Errors: io.
  void wait_for_checkpoints();
  bool is_saved() const { return saved_step_ >= state_.step; }
  /// Where that of an update lies, for rank 0.
  std::filesystem::path checkpoint(int64_t step) const { return checkpoint_in(options_.output_dir, step); }
  /// Of all checkpoints only the best one is left. Nothing may be under way.
  void keep_best_alone();

  // A run's end.
  /// Training is over: its figures are those of now.
  void end_training();
  struct After {
    std::optional<EvaluationReport> evaluation, general;
    int64_t batches = 0;                ///< of the evaluation
    const ChunkLosses* each = nullptr;  ///< what it gave of each chunk
  };
  /// Fills prompts and writes the adapted model and the results; the model must be free. Errors: io.
  AdaptReport finish(const After& after);
  /// Says where a run that was told to stop is saved; `number`: by what.
  AdaptReport stopped(int number);
  /// The run failed: a folder with nothing in it yet is left as it was.
  void abandon();

 private:
  CheckpointRecord of_rank_0(const CheckpointRecord& record, const std::string& where);
  void trace(const UpdateResult& result);
  void add_to_history(Json entry);
  void track(const Json& entry);
  void begin_tracking();
  void save_result();
  void write_files(const AdaptReport& report, const After& after);
  void write_report(const After& after) const;
  AdaptReport report() const;
  double run_seconds() const { return seconds_before_ + watch_.seconds(); }
  double chunks_done() const;
  double seconds_left() const;

  MaskedLM& handle_;
  const Tokenizer& tokenizer_;
  const Chunks::Split& data_;
  const TrainingOptions& options_;
  const Schedule& schedule_;
  Communicator& ranks_;
  const MlmNetwork& model_;
  std::unique_ptr<RunFolder> folder_;  ///< rank 0's alone
  RunIdentity identity_;
  std::unique_ptr<CheckpointWriter> checkpoints_;  ///< rank 0's alone
  double params_without_embeddings_;

  RunState state_;
  std::optional<ChunkLosses> before_;  ///< rank 0's alone; not where masks are drawn anew
  int64_t saved_step_ = 0;
  bool ends_early_ = false;
  DiskReserve model_reserve_;
  LineLog metrics_, trace_;
  std::optional<report::EventFile> events_;
  std::optional<Progress> bar_;
  int64_t bar_tokens_ = 0;
  WorkCosts costs_;  ///< as far as this session has seen them
  Stopwatch watch_;
  double seconds_before_ = 0, update_seconds_before_ = 0, chunks_before_ = 0;  ///< of earlier sessions
  Json final_entry_;
};

}  // namespace tekio
