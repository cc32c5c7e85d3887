// The main job: train a masked language model on a domain's chunks, evaluate it before and after each epoch, save it.
//
//   tekio::TrainingOptions options;
//   options.output_dir = "distilbert-finetuned-imdb";
//   options.learning_rate = 2e-5;
//   auto report = tekio::adapt(model, tokenizer, split, options);
//   report.before.perplexity;  report.after.perplexity;
#pragma once

#include <tekio/dataset.h>
#include <tekio/masked_lm.h>
#include <tekio/masking.h>
#include <tekio/tokenizer.h>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tekio {

enum class Interval { no, steps, epoch };  ///< --eval_strategy, --save_strategy
/// How an update's micro-batches are averaged. tokens: over all masked tokens of the update, however it is cut. sum and
/// mean: what transformers 5 and 4 do with BERT's models: the sum, or the mean, of the micro-batches' own means.
enum class AccumulationLoss {
  automatic,
  tokens,
  sum,
  mean
};  ///< automatic: tokens with counter, sum with torch's streams

/// Who else gets the log history: nobody, or TensorBoard, as event files.
enum class Tracker { none, tensorboard };

/// What gradients are rounded to on their way between processes: not at all, or to bf16, which halves the bytes.
enum class WireFormat { f32, bf16 };

struct EvaluationReport {
  double loss = 0;        ///< nats per masked token: the mean over all of them, however they are cut into batches
  double perplexity = 0;  ///< exp(loss)
  double accuracy = 0;    ///< share of masked tokens that the model thinks the most likely; of equals the first counts
  double reference_loss = 0;  ///< as the reference's Trainer weights: the mean over sequences of their batch's own mean
  double perplexity_interval =
      0;  ///< half width of the 95 % interval, from the spread over chunks; infinite for one chunk
  int64_t chunks = 0, masked_tokens = 0;
  double seconds = 0;
  int stopped = 0;  ///< evaluate()'s: what should_stop said; there are then no figures
};

/// An evaluation in the course of a run.
struct EvaluationPoint {
  double epoch = 0;  ///< passes done, 1.0 after the first
  int64_t step = 0;
  double train_loss = 0;  ///< mean since the last one: over masked tokens, or over updates as the reference has it
  EvaluationReport evaluation;
};

/// An update that was done.
struct UpdatePoint {
  double epoch = 0;             ///< passes done, this update among them
  int64_t step = 0, steps = 0;  ///< updates done, and those of the whole run
  double loss = 0;              ///< nats per masked token, of this update
  double grad_norm = 0;         ///< before clipping
  double learning_rate = 0;     ///< that it was done with
  int64_t tokens = 0;           ///< trained on so far, padding not counted
  double seconds = 0;           ///< that this update took
};

/// What follows an update, or an epoch: as the options have it, until a callback changes it.
struct RunControl {
  bool log = false;       ///< an entry of the log history
  bool evaluate = false;  ///< on the evaluation chunks, where there are any
  bool save = false;      ///< a checkpoint
  bool stop = false;      ///< training ends here, as after its last update: with what follows an epoch
};

/// What a run is doing.
enum class RunPhase { starting, updating, evaluating, finishing };

/// How the learning rate goes after its warm-up; names and formulas are the reference's.
enum class LrScheduler {
  linear,
  cosine,
  cosine_with_restarts,
  constant,
  constant_with_warmup,
  polynomial,
  inverse_sqrt
};

/// Where a run's model and data come from, for whoever reads about it later: kept with its figures in RUN/run.json,
/// from which a model card is written. Nothing that is computed depends on it.
struct RunDescription {
  std::string version, command;                ///< of the program that runs; what was asked of it
  std::string model;                           ///< what it is called
  std::string model_repository, model_commit;  ///< where it is on the Hub; empty: it is not from there
  std::string data, text_column;               ///< what they are called
  std::vector<std::string> data_repositories;  ///< those of the data that are on the Hub
  std::string data_attribution;                ///< whom its licence wants named, and how
  int64_t rows = 0, tokens = 0, skipped_rows = 0;
  std::optional<int64_t> duplicate_rows;       ///< that are trained on and repeat an earlier one
  std::optional<int64_t> held_out_duplicates;  ///< that are evaluated on, and trained on too
  std::string options_toml;                    ///< how to ask for this run again: RUN/options.toml
};

/// Every option has the reference stack's name where it has one, and its meaning. Masking's are in MaskOptions.
struct TrainingOptions : MaskOptions {
  std::string output_dir;             ///< required
  bool overwrite_output_dir = false;  ///< otherwise a folder that holds a finished run is refused
  RunDescription description;

  // data
  /// Where the run begins with another share than mlm_probability (wwm_probability), and comes to that in a straight
  /// line over its updates: update s of n masks initial + (last - initial) s / n. Evaluations always use the last one.
  std::optional<double> initial_mlm_probability, initial_wwm_probability;
  EvalMasking eval_masking = EvalMasking::frozen;
  std::optional<uint64_t> data_seed;  ///< order of the chunks, if different from seed

  // optimisation
  int64_t per_device_train_batch_size = 64;  ///< chunks per micro-batch
  int64_t per_device_eval_batch_size = 64;
  int64_t gradient_accumulation_steps = 1;  ///< micro-batches per update
  AccumulationLoss accumulation_loss = AccumulationLoss::automatic;
  double learning_rate = 2e-5;
  double weight_decay = 0.01;  ///< not on biases and layer norms
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8;
  double max_grad_norm = 1;  ///< 0: no clipping
  LrScheduler lr_scheduler_type = LrScheduler::linear;
  int64_t warmup_steps = 0;  ///< updates; wins over warmup_ratio
  double warmup_ratio = 0;   ///< share of all updates
  double num_train_epochs = 3;
  int64_t max_steps = -1;         ///< updates; wins over num_train_epochs if positive
  std::optional<double> dropout;  ///< sets every dropout rate of the config

  // several processes; without effect in one
  bool optimizer_sharding = false;  ///< each keeps AdamW's moments of its share of the weights alone: the same result
  WireFormat wire = WireFormat::f32;

  // reports and checkpoints
  double logging_steps = 0;  ///< updates between log lines; below 1: a share of all; 0: once per epoch
  Interval eval_strategy = Interval::epoch;
  double eval_steps = 0;  ///< updates; below 1: a share of all; 0: logging_steps
  Interval save_strategy = Interval::epoch;
  double save_steps = 500;
  int64_t save_total_limit = 0;  ///< checkpoints kept, the newest and the best always among them; 0: all
  bool load_best_model_at_end = false;
  int64_t early_stopping_patience = 0;  ///< evaluations without improvement; 0: off
  std::string resume_from_checkpoint;   ///< a checkpoint folder, or "auto": the run's newest
  std::string trace;                    ///< a file: one JSON line per update
  std::vector<std::string> prompts;     ///< texts with a mask, filled before and after
  Tracker report_to = Tracker::none;
  std::string logging_dir;  ///< of the event files; empty: RUN/runs/MonDD_HH-MM-SS_HOST, as the reference has it
  /// Text of other kinds, evaluated before and after on frozen masks: what training costs there. Cut with the tokenizer
  /// of the run; `general_name` is shown.
  std::optional<Chunks> general;
  std::string general_name;

  // What a program may have a say in. All are called on the thread that called adapt(), and what they throw ends the
  // run (no checkpoint is saved for it). But should_stop and on_phase, all may use the model: evaluate, fill masks,
  // save. Of several processes each asks its own should_stop, and any answer stops all; the others are called on the
  // first alone, and what it asks for holds for all.

  /// Asked after every update and every batch of an evaluation. Not 0: a checkpoint is saved and the run ends, to be
  /// gone on with; AdaptReport::stopped is that number. Where a signal is behind it, its number.
  std::function<int()> should_stop;
  /// After each update, before what follows it by the number of updates; may change what does.
  std::function<void(const UpdatePoint&, RunControl&)> on_update;
  /// After an epoch's or training's last update and all that followed that, before what follows the epoch; may change
  /// what does. A checkpoint by the number of updates follows the epoch where an entry or an evaluation does, which it
  /// is to hold.
  std::function<void(const UpdatePoint&, RunControl&)> on_epoch_end;
  /// After each evaluation but the first; may have a checkpoint saved or training stopped.
  std::function<void(const EvaluationPoint&, RunControl&)> on_evaluation;
  /// With each entry of the log history (trainer_state.json), a JSON object: training's, evaluations', and the last.
  std::function<void(const std::string& entry)> on_log;
  /// When a checkpoint was written; training then waits for it to be.
  std::function<void(const std::string& folder, int64_t step)> on_save;
  /// What the run does from here on; `step`: updates done.
  std::function<void(RunPhase, int64_t step)> on_phase;

  /// The share that the first update masks.
  double initial_rate() const {
    return (by_wwm_probability() ? initial_wwm_probability : initial_mlm_probability).value_or(rate());
  }
  /// Every problem at once, each a sentence that names its option; empty if there is none.
  std::vector<std::string> problems() const;
};

struct AdaptReport {
  std::string run_dir;
  ModelInfo model;
  int64_t train_chunks = 0, eval_chunks = 0;
  EvaluationReport before, after;
  std::vector<EvaluationPoint> evaluations;
  struct General {
    EvaluationReport before, after;
  };
  std::optional<General> general;  ///< where options.general is there
  int64_t steps = 0;
  int64_t steps_without_masked_tokens = 0;
  double train_loss = 0;  ///< mean over masked tokens; with masking_rng torch over updates, as the reference has it
  double train_seconds = 0, tokens_per_second = 0;
  int world_size = 1;  ///< processes that worked on it
  struct Prompt {
    std::string text;
    std::vector<Prediction> before, after;
  };
  std::vector<Prompt> prompts;
  int stopped = 0;  ///< what should_stop said, after saving a checkpoint; `after` is then empty. 0: ran to its end
};

/// What a run would do, without doing it: --dry_run.
struct AdaptPlan {
  int64_t train_chunks, eval_chunks, steps_per_epoch, steps;
  struct Memory {
    std::string purpose;
    int64_t bytes;
  };
  std::vector<Memory> memory;
  int64_t memory_bytes;
  int64_t disk_bytes;  ///< of the run folder when it holds the most: the adapted model and checkpoints
  /// Of the whole run, evaluations and files among it: estimated from updates and evaluations of a few chunks that were
  /// timed now; nullopt where there is no memory for that.
  std::optional<double> seconds;
};

/// Trains `model` in place. The run folder holds the adapted model, tokenizer, checkpoints, metrics and options.
/// Errors: usage (options.problems()), io, input, device. A run that is
/// stopped is no error: see AdaptReport::stopped.
AdaptReport adapt(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
                  const TrainingOptions& options);
AdaptPlan plan(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
               const TrainingOptions& options);

struct EvaluationOptions : MaskOptions {
  int64_t batch_size = 64;
  int64_t max_chunks = 0;            ///< 0: all
  std::function<int()> should_stop;  ///< asked after every batch: see TrainingOptions
};

/// A token that was masked, and what the model made of its place.
struct MaskedToken {
  int32_t id;        ///< the one that stood there
  int32_t place;     ///< of the chunk's tokens
  float loss;        ///< nats: minus the logarithm of its probability
  float confidence;  ///< the largest probability of all tokens
  bool hit;          ///< whether that is its own; of equals the first counts
};

/// Each chunk's part of an evaluation, in the chunks' order.
struct ChunkLosses {
  std::vector<double> losses;       ///< nats, summed over the chunk's masked tokens
  std::vector<int64_t> masked;      ///< how many these are
  std::vector<MaskedToken> tokens;  ///< all of them, chunk by chunk
};

/// Perplexity on frozen masks: the same figure each time. `each` (where given) gets what every chunk contributed.
EvaluationReport evaluate(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks& chunks,
                          const EvaluationOptions& options = {}, ChunkLosses* each = nullptr);

/// How much more a model loses than another one on the same masks, in nats per masked token.
struct LossDifference {
  double loss = 0;           ///< the first one's loss less the other's; below 0: the first one is better
  double low = 0, high = 0;  ///< paired 95 % interval, from the spread over chunks; infinite for one chunk
};
/// Of two models' parts of evaluations with the same chunks, tokenizer and options. The difference is a ratio, the sum
/// of the chunks' differences over the sum of their masked tokens; its interval is the jackknife's over chunks with
/// Student's t (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11). Errors: usage (other chunks
/// or masks).
LossDifference loss_difference(const ChunkLosses& model, const ChunkLosses& against);

}  // namespace tekio
