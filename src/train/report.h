// What a run reports: the reference's log history and result files, and lines on the terminal.
#pragma once

#include <tekio/adapt.h>
#include <string>

#include "base/json.h"
#include "train/run_folder.h"
#include "train/run_state.h"
#include "train/schedule.h"

namespace tekio {

// Entries of the log history, with the reference's keys.
Json training_entry(int64_t step, double epoch, double loss, double grad_norm, double learning_rate);
Json evaluation_entry(int64_t step, double epoch, const EvaluationReport& report, int64_t batches);
Json final_entry(const RunState& state, const Schedule& schedule, const TrainingOptions& options, int64_t train_chunks);

/// trainer_state.json's text, keys as the reference's. `saved`: the update whose checkpoint it is written for, which is
/// there before anybody reads it; 0: of none.
std::string trainer_state_json(const RunState& state, const Schedule& schedule, const TrainingOptions& options,
                               const RunFolder& folder, bool should_stop, int64_t saved);

/// train_results.json, eval_results.json (if `after` is there) and, last of all, all_results.json.
void write_results(const RunFolder& folder, const Json& final_entry, int64_t train_chunks,
                   const EvaluationReport* after, double epoch, int64_t eval_batches);

/// "3", "0.23".
std::string epochs_text(double epochs);
/// "12.90 ± 0.31".
std::string perplexity_text(const EvaluationReport& report);
/// "accuracy 31.23 %".
std::string accuracy_text(const EvaluationReport& report);
/// " before   perplexity 21.75 ± 0.61 · accuracy 31.23 %" and its like.
void note_before(const EvaluationReport& before);
/// A log line: `entry` is training_entry()'s.
void note_update(const Json& entry);
/// Four digits, zeros among them: 3.000 stands above 2.568.
std::string loss_text(double loss);
void note_evaluation(const EvaluationPoint& point, const Schedule& schedule, double seconds);
void note_after(const EvaluationReport& before, const EvaluationReport& after);
void note_prompt(const AdaptReport::Prompt& prompt);
void note_general(const AdaptReport::General& general, const std::string& name);
/// Nothing where every update had some.
void warn_of_updates_without_masked_tokens(const RunState& state, const MaskOptions& masking);
void note_saved(const std::string& run_dir);

}  // namespace tekio
