// RUN/checkpoint-N: a model folder that from_pretrained opens, and beside it all that a run needs to go on with the
// same bits:
//   optimizer.safetensors   AdamW's moments, exp_avg.NAME and exp_avg_sq.NAME
//   training_state.json     the run's state, options, data and model as they were; each file's size and checksum
//   masking_state.bin       where the random streams stand (only with --masking_rng torch, torch-cpu)
//   trainer_state.json      the reference's, for its tools
// The folder appears whole or not at all; the checksums are for what happens to it afterwards.
#pragma once

#include <tekio/tokenizer.h>
#include <filesystem>
#include <string>

#include "base/json.h"
#include "model/mlm_network.h"
#include "train/optimizer.h"
#include "train/run_state.h"

namespace tekio {

/// Of ids, some of them: enough to tell two corpora, splits or tokenizers apart.
std::string digest_of_chunks(const Chunks& chunks);
/// Likewise of their words, where masking chooses words; empty where it does not.
std::string digest_of_words(const Chunks& chunks, const MaskOptions& masking);

/// What must be the same for a run to be resumed: its options, data and model.
struct RunIdentity {
  Json options;  ///< options_to_json
  int64_t train_chunks = 0, eval_chunks = 0;
  std::string train_digest, eval_digest;  ///< of the chunks' ids
  /// Of their words, where words are chosen; empty where not, and in older checkpoints.
  std::string train_word_digest, eval_word_digest;
  std::string family, device;      ///< "DistilBERT"; the back end's name
  std::string dtype, bf16_kernel;  ///< what it computes in, and by which kernel where there is a choice
  int64_t parameters = 0;

  static RunIdentity of(const TrainingOptions& options, const Chunks::Split& data, const MaskedLM& model,
                        const Backend& backend, int ranks = 1);
};

struct CheckpointParts {
  const ModelConfig& config;
  const ParameterSet &weights, &moment1, &moment2;
  const Tokenizer& tokenizer;
  const RunIdentity& identity;
  const RunState& state;
  const std::string& masking_state;
  const std::string& trainer_state;  ///< trainer_state.json's text
};

/// Errors: io; the folder is then not there, and nothing else is touched.
void save_checkpoint(const std::filesystem::path& folder, const CheckpointParts& parts);

/// Errors: io (not there), input (not a checkpoint of ours, a file missing or not as it was written; the message names
/// it).
void verify_checkpoint(const std::filesystem::path& folder);

/// What a checkpoint says, without its tensors.
struct CheckpointRecord {
  int64_t form = 0;  ///< tekio_checkpoint; 1: written before losses were weighted
  RunIdentity identity;
  RunState state;
  std::string masking_state;
};
CheckpointRecord read_checkpoint(const std::filesystem::path& folder);
/// The options that the run which these options resume was begun with, of its newest checkpoint that can be read; null
/// where there is none.
Json recorded_options(const TrainingOptions& options);
/// Lets the model compute in what the run that the options resume was begun in, not in what would be measured now.
void go_on_as_before(const MaskedLM& model, const TrainingOptions& options);
/// What a checkpoint holds of weights and of AdamW's moments. Errors: input (of another model).
void restore_weights(const std::filesystem::path& folder, const ModelConfig& config, ParameterSet& weights);
void restore_moment(const std::filesystem::path& folder, Moment moment, ParameterSet& all);

/// Errors: usage, where the run would not be the same run; what merely changes its course is a warning.
void check_same_run(const RunIdentity& before, const RunIdentity& now, const std::string& where);

}  // namespace tekio
