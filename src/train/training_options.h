// The options of training, described: see base/option_text.h.
#pragma once

#include <tekio/adapt.h>

#include "data/mask_options.h"
#include "train/schedule.h"

namespace tekio {

const Names<Interval>& interval_names();
const Names<EvalMasking>& eval_masking_names();
const Names<AccumulationLoss>& accumulation_loss_names();
const Names<WireFormat>& wire_format_names();
const Names<Tracker>& tracker_names();

template <typename Options, typename Walker>
void walk_run_folder_options(Options& o, Walker& walk) {
  walk.option({"output_dir", "the run folder: the adapted model, checkpoints, metrics; default MODEL-finetuned-DATA"},
              o.output_dir);
  walk.option({"overwrite_output_dir", "replaces a run that is in the run folder already"}, o.overwrite_output_dir);
}

template <typename Options, typename Walker>
void walk_randomness_options(Options& o, Walker& walk) {
  const OptionRange seeds = OptionRange::at_least(0).at_most(4294967295.0);
  walk.choice({"eval_masking", "masks the evaluation chunks once, or anew each time"}, o.eval_masking,
              eval_masking_names());
  walk.choice({"masking_rng",
               "where order and masks come from: counters, or the random streams of Hugging Face transformers "
               "(torch-cpu: dropout too, slower)"},
              o.masking_rng, masking_rng_names());
  walk.option({"seed", "decides every random choice", seeds}, o.seed);
  walk.option({"data_seed", "decides the order of the chunks, if it is to differ from --seed", seeds}, o.data_seed);
}

template <typename Options, typename Walker>
void walk_optimisation_options(Options& o, Walker& walk) {
  walk.option({"per_device_train_batch_size", "chunks in a batch", OptionRange::at_least(1)},
              o.per_device_train_batch_size);
  walk.option({"per_device_eval_batch_size", "chunks in a batch of the evaluation", OptionRange::at_least(1)},
              o.per_device_eval_batch_size);
  walk.option({"gradient_accumulation_steps", "batches in an update", OptionRange::at_least(1)},
              o.gradient_accumulation_steps);
  walk.choice(
      {"accumulation_loss",
       "how the batches of an update are averaged: over all their masked tokens, or as the sum or mean of their "
       "own means; "
       "automatic: tokens, or sum with --masking_rng torch (but ModernBERT's: tokens, as the reference has it)"},
      o.accumulation_loss, accumulation_loss_names());
  walk.option({"learning_rate", "the highest rate", OptionRange::at_least(0)}, o.learning_rate);
  walk.choice({"lr_scheduler_type", "how the rate falls"}, o.lr_scheduler_type, lr_schedulers());
  walk.option({"warmup_steps", "updates over which the rate rises from 0", OptionRange::at_least(0)}, o.warmup_steps);
  walk.option({"warmup_ratio", "the same as a share of all updates, where --warmup_steps is 0",
               OptionRange::at_least(0).at_most(1)},
              o.warmup_ratio);
  walk.option({"num_train_epochs", "passes over the training chunks; need not be whole", OptionRange::above(0)},
              o.num_train_epochs);
  walk.option({"max_steps", "updates; where positive it decides instead of --num_train_epochs",
               OptionRange::at_least(1).or_exactly(-1)},
              o.max_steps);
  walk.option({"weight_decay", "AdamW's, not on biases and layer norms", OptionRange::at_least(0)}, o.weight_decay);
  walk.option({"adam_beta1", "AdamW's", OptionRange::at_least(0).below(1)}, o.adam_beta1);
  walk.option({"adam_beta2", "AdamW's", OptionRange::at_least(0).below(1)}, o.adam_beta2);
  walk.option({"adam_epsilon", "AdamW's", OptionRange::above(0)}, o.adam_epsilon);
  walk.option({"max_grad_norm", "gradients are scaled down to this norm; 0: never", OptionRange::at_least(0)},
              o.max_grad_norm);
  walk.option({"dropout",
               "sets the model's dropout rates: of embeddings, hidden states and attention (not a classifier's, nor "
               "ModernBERT's mlp_dropout, which stays 0)",
               OptionRange::at_least(0).below(1)},
              o.dropout);
}

/// Without effect in one process.
template <typename Options, typename Walker>
void walk_process_options(Options& o, Walker& walk) {
  walk.option({"optimizer_sharding",
               "each process keeps AdamW's moments of its share of the weights alone, updates that and sends it to the "
               "others: less memory, the same result; without effect in one process"},
              o.optimizer_sharding);
  walk.choice({"wire", "what gradients are sent as: bf16 halves the bytes and rounds; without effect in one process"},
              o.wire, wire_format_names());
}

template <typename Options, typename Walker>
void walk_report_options(Options& o, Walker& walk) {
  const OptionRange from_0 = OptionRange::at_least(0);
  walk.option({"logging_steps", "updates between log lines; below 1: a share of all; 0: once per epoch", from_0, true},
              o.logging_steps);
  walk.choice({"eval_strategy", "when to evaluate between before and after"}, o.eval_strategy, interval_names());
  walk.option(
      {"eval_steps", "updates between evaluations; below 1: a share of all; 0: as --logging_steps", from_0, true},
      o.eval_steps);
  walk.choice({"save_strategy", "when to keep a checkpoint"}, o.save_strategy, interval_names());
  walk.option({"save_steps", "updates between checkpoints; below 1: a share of all", OptionRange::above(0), true},
              o.save_steps);
  walk.option({"save_total_limit", "checkpoints kept, the newest and the best; 0: all", OptionRange::at_least(0)},
              o.save_total_limit);
  walk.option({"load_best_model_at_end", "saves the model of the best evaluation instead of the last"},
              o.load_best_model_at_end);
  walk.option({"early_stopping_patience", "stops after so many evaluations without improvement; 0: never",
               OptionRange::at_least(0)},
              o.early_stopping_patience);
  walk.option({"resume_from_checkpoint", "goes on from a checkpoint folder, or from the run's newest"},
              o.resume_from_checkpoint);
  walk.option({"trace", "writes a JSON line an update: loss, norm, rate, checksums of its batches"}, o.trace);
  walk.option({"prompts", "a text with a mask, filled before and after"}, o.prompts);
  walk.choice({"report_to",
               "who else gets the log history: tensorboard as event files, with the tags of Hugging Face transformers"},
              o.report_to, tracker_names());
  walk.option({"logging_dir", "where event files are written; default RUN/runs/MonDD_HH-MM-SS_HOST"}, o.logging_dir);
}

template <typename Options, typename Walker>
void walk_training_options(Options& o, Walker& walk) {
  walk_run_folder_options(o, walk);
  walk_mask_options(o, walk);
  walk_randomness_options(o, walk);
  walk_optimisation_options(o, walk);
  walk_process_options(o, walk);
  walk_report_options(o, walk);
}

}  // namespace tekio
