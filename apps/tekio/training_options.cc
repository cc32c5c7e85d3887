// The names are the reference stack's where it has one. Ranges stand here for --help; TrainingOptions::problems() holds
// the rules that bind several options.
#include "training_options.h"

#include <fmt/ranges.h>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "train/options_json.h"
#include "train/schedule.h"

namespace tekio::cli {
namespace {

void add_data(TrainingArguments& a, OptionTable& table) {
  table
      .add("data", &a.data,
           "the text: files (.txt .jsonl .json .csv .tsv, also .gz .zst .bz2 .xz; .parquet .arrow), a folder of them, "
           "the id of "
           "a "
           "dataset on the Hub; D:SPLIT, D:train[:10%]")
      .called("D")
      .short_name('d')
      .alias("dataset_name");
  table.add("train_file", &a.train_file, "the text to train on, instead of --data").called("FILE");
  table.add("validation_file", &a.validation_file, "the text to evaluate on").called("FILE");
  table
      .add("general_data", &a.general_data,
           "text of other kinds to evaluate on before and after, to see what training costs there; none: leaves it out")
      .called("D");
  table
      .add("validation_split_percentage", &a.validation_split_percentage,
           "how much of the rows, from the end, to evaluate on where the data has neither split validation nor test")
      .at_least(1)
      .at_most(99);
  table
      .add("train_size", &a.train_size,
           "chunks to train on, drawn from split train; with --test_size; 0: what that leaves")
      .at_least(0);
  table.add("test_size", &a.test_size, "chunks to evaluate on, drawn from split train; 0: what --train_size leaves")
      .at_least(0);
  table
      .add("split_seed", &a.split_seed,
           "decides which chunks --train_size and --test_size draw, if it is to differ from --seed")
      .at_most(4294967295.0);
  table.add("max_train_samples", &a.max_train_samples, "no more than the first N training chunks; 0: all").at_least(0);
  table.add("max_eval_samples", &a.max_eval_samples, "no more than the first N evaluation chunks; 0: all").at_least(0);
  add_read_options(table, a.read);
  add_word_options(table, a.read);
  add_chunk_options(table, a.chunks);
  table
      .add("output_dir", &a.training.output_dir,
           "the run folder: the adapted model, checkpoints, metrics; default MODEL-finetuned-DATA")
      .called("RUN")
      .short_name('o');
  table.add("overwrite_output_dir", &a.training.overwrite_output_dir,
            "replaces a run that is in the run folder already");
  table.add("dry_run", &a.dry_run,
            "shows what the run would be (chunks, steps, memory, disk, time) and does not train");
}

void add_masking(TrainingArguments& a, OptionTable& table) {
  table.group("Masking");
  TrainingOptions& t = a.training;
  add_masking_options(table, t);
  table.add("eval_masking", &t.eval_masking, eval_masking_names(),
            "masks the evaluation chunks once, or anew each time");
  table.add("masking_rng", &t.masking_rng, masking_rng_names(),
            "where order and masks come from: counters, or the random streams of Hugging Face transformers (torch-cpu: "
            "dropout too, "
            "slower)");
  table.add("data_seed", &t.data_seed, "decides the order of the chunks, if it is to differ from --seed")
      .at_most(4294967295.0);
}

void add_optimisation(TrainingArguments& a, OptionTable& table) {
  table.group("Optimisation");
  TrainingOptions& t = a.training;
  table.add("per_device_train_batch_size", &t.per_device_train_batch_size, "chunks in a batch")
      .at_least(1)
      .alias("batch_size");
  table.add("per_device_eval_batch_size", &t.per_device_eval_batch_size, "chunks in a batch of the evaluation")
      .at_least(1)
      .alias("batch_size");
  table.add("gradient_accumulation_steps", &t.gradient_accumulation_steps, "batches in an update").at_least(1);
  table.add("accumulation_loss", &t.accumulation_loss, accumulation_loss_names(),
            "how the batches of an update are averaged: over all their masked tokens, or as the sum or mean of their "
            "own means; "
            "automatic: tokens, or sum with --masking_rng torch (but ModernBERT's: tokens, as the reference has it)");
  table.add("learning_rate", &t.learning_rate, "the highest rate").at_least(0).alias("lr");
  table.add("lr_scheduler_type", &t.lr_scheduler_type, lr_schedulers(), "how the rate falls");
  table
      .add("warmup_steps", &a.warmup_steps, "updates over which the rate rises from 0; below 1: a share of all updates")
      .at_least(0);
  table.add("warmup_ratio", &t.warmup_ratio, "the same as a share of all updates, where --warmup_steps is 0")
      .at_least(0)
      .at_most(1);
  table.add("num_train_epochs", &t.num_train_epochs, "passes over the training chunks; need not be whole")
      .above(0)
      .alias("epochs");
  table.add("max_steps", &t.max_steps, "updates; where positive it decides instead of --num_train_epochs")
      .at_least(1)
      .or_exactly(-1);
  table.add("weight_decay", &t.weight_decay, "AdamW's, not on biases and layer norms").at_least(0);
  table.add("adam_beta1", &t.adam_beta1, "AdamW's").at_least(0).below(1);
  table.add("adam_beta2", &t.adam_beta2, "AdamW's").at_least(0).below(1);
  table.add("adam_epsilon", &t.adam_epsilon, "AdamW's").above(0);
  table.add("max_grad_norm", &t.max_grad_norm, "gradients are scaled down to this norm; 0: never").at_least(0);
  table
      .add("dropout", &t.dropout,
           "sets the model's dropout rates: of embeddings, hidden states and attention (not a classifier's, nor "
           "ModernBERT's mlp_dropout, which stays 0)")
      .at_least(0)
      .below(1);
}

void add_processes(TrainingArguments& a, OptionTable& table) {
  table.group("Several processes (started by mpirun or srun)");
  TrainingOptions& t = a.training;
  table.add("optimizer_sharding", &t.optimizer_sharding,
            "each process keeps AdamW's moments of its share of the weights alone, updates that and sends it to the "
            "others: less memory, the same result; without effect in one process");
  table.add("wire", &t.wire, wire_format_names(),
            "what gradients are sent as: bf16 halves the bytes and rounds; without effect in one process");
}

void add_reports(TrainingArguments& a, OptionTable& table) {
  table.group("Reports and checkpoints");
  TrainingOptions& t = a.training;
  table.add("logging_strategy", &a.logging_strategy,
            {{"automatic", TrainingArguments::Logging::automatic},
             {"no", TrainingArguments::Logging::no},
             {"steps", TrainingArguments::Logging::steps},
             {"epoch", TrainingArguments::Logging::epoch}},
            "automatic: by --logging_steps; epoch or no: once per epoch");
  table.add("logging_steps", &t.logging_steps, "updates between log lines; below 1: a share of all; 0: once per epoch")
      .at_least(0);
  table.add("eval_strategy", &t.eval_strategy, interval_names(), "when to evaluate between before and after")
      .alias("evaluation_strategy");
  table.add("eval_steps", &t.eval_steps, "updates between evaluations; below 1: a share of all; 0: as --logging_steps")
      .at_least(0);
  table.add("save_strategy", &t.save_strategy, interval_names(), "when to keep a checkpoint");
  table.add("save_steps", &t.save_steps, "updates between checkpoints; below 1: a share of all").above(0);
  table.add("save_total_limit", &t.save_total_limit, "checkpoints kept, the newest and the best; 0: all").at_least(0);
  table.add("load_best_model_at_end", &t.load_best_model_at_end,
            "saves the model of the best evaluation instead of the last");
  table
      .add("early_stopping_patience", &t.early_stopping_patience,
           "stops after so many evaluations without improvement; 0: never")
      .at_least(0);
  table
      .add("resume_from_checkpoint", &t.resume_from_checkpoint,
           "goes on from a checkpoint folder, or from the run's newest")
      .called("DIR")
      .alone_means("auto");
  table.add("trace", &t.trace, "writes a JSON line an update: loss, norm, rate, checksums of its batches")
      .called("FILE");
  table.add("prompt", &t.prompts, "a text with a mask, filled before and after").called("TEXT");
}

void add_hub(TrainingArguments& a, OptionTable& table) {
  table.group("The Hub");
  table.add("push_to_hub", &a.hub.push,
            "sends the adapted model to the Hub at the end, as tekio push does; looks before training whether it can");
  table.add("hub_model_id", &a.hub.model_id, "the repository to push to; default: the run folder's name").called("ID");
  table.add("hub_private_repo", &a.hub.is_private, "makes that a repository that only its owner sees");
  table
      .add("hub_token", &a.hub.token,
           "the token to push with, instead of HF_TOKEN's (which others on this machine cannot read from the list of "
           "processes); kept nowhere")
      .called("TOKEN")
      .only_now();
}

}  // namespace

void TrainingArguments::add_to(OptionTable& table) {
  add_data(*this, table);
  add_masking(*this, table);
  add_optimisation(*this, table);
  add_processes(*this, table);
  add_reports(*this, table);
  add_hub(*this, table);
  run_mlm.add_to(table);
}

void TrainingArguments::resolve(const OptionTable& table, Common& common) {
  std::vector<std::string> problems = run_mlm.problems(table);
  check_data(table, problems);
  resolve_device(common, problems);
  resolve_intervals(table, problems);
  for (const char* name : {"hub_model_id", "hub_private_repo", "hub_token"})
    if (table.given(name) && !hub.push)
      note(fmt::format("without effect here: --{} (nothing is pushed without --push_to_hub)", name));
  training.seed = common.seed;
  TrainingOptions checked = training;
  if (checked.output_dir.empty()) checked.output_dir = "default";  // resolved when model and data are known
  for (std::string& problem : checked.problems()) problems.push_back(std::move(problem));
  if (!problems.empty()) fail(ErrorKind::usage, "{}", fmt::join(problems, "; "));
}

void TrainingArguments::check_data(const OptionTable& table, std::vector<std::string>& problems) const {
  const auto contradict = [&](const char* one, const char* other, const char* why) {
    if (table.given(one) && table.given(other))
      problems.push_back(fmt::format("--{} contradicts --{}: {}", one, other, why));
  };
  check_word_options(table);
  contradict("data", "train_file", "both name the text to train on");
  for (const char* size : {"train_size", "test_size"}) {
    contradict(size, "validation_split_percentage", "the text to evaluate on can be cut off in one way only");
    contradict(size, "validation_file", "the text to evaluate on can be chosen in one way only");
  }
  if (split_seed && train_size == 0 && test_size == 0)
    problems.emplace_back("--split_seed needs --train_size or --test_size: it decides what these draw");
  if (!validation_file.empty() && data.empty() && train_file.empty())
    problems.emplace_back("--validation_file needs --train_file or --data: there is no text to train on");
  if (chunks.line_by_line && training.masking_rng != MaskingRng::counter && run_mlm.is_true("pad_to_max_length"))
    problems.emplace_back(
        "--pad_to_max_length cannot be honoured with --masking_rng torch: the streams draw for the longest line of a "
        "batch");
  for (std::string& problem : masking_contradictions(table, training)) problems.push_back(std::move(problem));
  if (training.trace == "-")
    problems.emplace_back("--trace is '-', but standard output is for the result alone; pass a file");
}

void TrainingArguments::resolve_device(Common& common, std::vector<std::string>& problems) const {
  if (run_mlm.is_true("use_cpu") || run_mlm.is_true("no_cuda")) {
    if (common.device == "cuda") problems.emplace_back("--device cuda contradicts --use_cpu");
    if (common.device == "auto") common.device = "cpu";
  }
  if (run_mlm.is_true("bf16")) {
    if (common.dtype == NumberFormat::f32) problems.emplace_back("--dtype f32 contradicts --bf16");
    common.dtype = NumberFormat::bf16;
  }
}

void TrainingArguments::resolve_intervals(const OptionTable& table, std::vector<std::string>& problems) {
  if (logging_strategy == Logging::steps && training.logging_steps == 0)
    problems.emplace_back(
        "--logging_strategy steps contradicts --logging_steps 0; pass how many updates lie between log lines");
  if (logging_strategy == Logging::epoch || logging_strategy == Logging::no) {
    if (table.given("logging_steps") && training.logging_steps != 0 && logging_strategy == Logging::epoch)
      note("without effect here: --logging_steps (--logging_strategy epoch decides)");
    training.logging_steps = 0;
  }
  if (warmup_steps >= 1 && warmup_steps != std::floor(warmup_steps))
    problems.push_back(
        fmt::format("--warmup_steps is {}, expected a whole number of updates, or a share below 1", warmup_steps));
  if (warmup_steps > 0 && warmup_steps < 1)
    training.warmup_ratio = warmup_steps;
  else
    training.warmup_steps = static_cast<int64_t>(warmup_steps);
  if (std::string& path = training.resume_from_checkpoint; path == "true" || path == "True") path = "auto";
}

std::string TrainingArguments::record(const OptionTable& table) {
  const bool overwrite = std::exchange(training.overwrite_output_dir, false);
  const std::string resume = std::exchange(training.resume_from_checkpoint, "");
  std::string text = table.to_toml();
  training.overwrite_output_dir = overwrite;
  training.resume_from_checkpoint = resume;
  return text;
}

}  // namespace tekio::cli
