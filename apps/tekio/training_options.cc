// The names are the reference stack's where it has one. What the library describes (train/training_options.h) is bound
// as it stands there; here are the command line's own options and spellings.
#include "training_options.h"

#include <fmt/ranges.h>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "bind_options.h"
#include "compute/cuda.h"
#include "train/training_options.h"

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
  BindOptions bind(table);
  walk_run_folder_options(a.training, bind);
  table.at("output_dir").called("RUN").short_name('o');
  table.add("dry_run", &a.dry_run,
            "shows what the run would be (chunks, steps, memory, disk, time) and does not train");
}

void add_masking(TrainingArguments& a, OptionTable& table) {
  table.group("Masking");
  add_masking_options(table, a.training);
  BindOptions bind(table, {{"seed", nullptr}});  // which all commands have
  walk_randomness_options(a.training, bind);
}

void add_optimisation(TrainingArguments& a, OptionTable& table) {
  table.group("Optimisation");
  const auto warmup = [&](const OptionText&) {
    table
        .add("warmup_steps", &a.warmup_steps,
             "updates over which the rate rises from 0; below 1: a share of all updates")
        .at_least(0);
  };
  BindOptions bind(table, {{"warmup_steps", warmup}});
  walk_optimisation_options(a.training, bind);
  for (const char* size : {"per_device_train_batch_size", "per_device_eval_batch_size"})
    table.at(size).alias("batch_size");
  table.at("learning_rate").alias("lr");
  table.at("num_train_epochs").alias("epochs");
}

void add_processes(TrainingArguments& a, OptionTable& table) {
  table.group("Several processes (started by mpirun or srun)");
  BindOptions bind(table);
  walk_process_options(a.training, bind);
}

void add_reports(TrainingArguments& a, OptionTable& table) {
  table.group("Reports and checkpoints");
  table.add("logging_strategy", &a.logging_strategy,
            {{"automatic", TrainingArguments::Logging::automatic},
             {"no", TrainingArguments::Logging::no},
             {"steps", TrainingArguments::Logging::steps},
             {"epoch", TrainingArguments::Logging::epoch}},
            "automatic: by --logging_steps; epoch or no: once per epoch");
  const auto prompt = [&](const OptionText& text) {
    table.add("prompt", &a.training.prompts, text.help).called("TEXT");
  };
  BindOptions bind(table, {{"prompts", prompt}});
  walk_report_options(a.training, bind);
  table.at("eval_strategy").alias("evaluation_strategy");
  table.at("resume_from_checkpoint").called("DIR").alone_means("auto");
  table.at("trace").called("FILE");
  Option& tracker = table.at("report_to").spelled_also("all", "tensorboard");
  for (const char* name :
       {"wandb", "mlflow", "trackio", "comet_ml", "swanlab", "codecarbon", "neptune", "clearml", "dvclive"})
    tracker.refusing(name, "its own library reads RUN/metrics.jsonl, as docs/tracking.md shows");
  table.at("logging_dir").called("DIR");
  table
      .add("watch", &a.watch,
           "serves a page with the run's curves, and the model as it is by then, on this port of this machine while it "
           "trains; 0: any port that is free")
      .called("PORT")
      .at_most(65535)
      .only_now();
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
  add_training_to(table);
}

void TrainingArguments::add_training_to(OptionTable& table) {
  add_masking(*this, table);
  add_optimisation(*this, table);
  add_processes(*this, table);
  add_reports(*this, table);
  add_hub(*this, table);
  run_mlm.add_to(table);
}

void TrainingArguments::resolve(const OptionTable& table, Common& common) {
  std::vector<std::string> problems;
  check_data(table, problems);
  resolve_device(common, problems);
  training.seed = common.seed;
  for (const char* name : {"hub_model_id", "hub_private_repo", "hub_token"})
    if (table.given(name) && !hub.push)
      note(message("without effect here: {} (nothing is pushed without --push_to_hub)", named_option(name)));
  for (std::string& problem : resolve_training(table)) problems.push_back(std::move(problem));
  if (!problems.empty()) fail(ErrorKind::usage, "{}", fmt::join(problems, "; "));
}

std::vector<std::string> TrainingArguments::resolve_training(const OptionTable& table) {
  std::vector<std::string> problems = run_mlm.problems(table);
  for (std::string& problem : masking_contradictions(table, training)) problems.push_back(std::move(problem));
  if (training.trace == "-")
    problems.push_back(message("--trace is '-', but standard output is for the result alone; pass a file"));
  resolve_intervals(table, problems);
  TrainingOptions checked = training;
  if (checked.output_dir.empty()) checked.output_dir = "default";  // resolved when model and data are known
  for (std::string& problem : checked.problems()) problems.push_back(std::move(problem));
  return problems;
}

void TrainingArguments::check_data(const OptionTable& table, std::vector<std::string>& problems) const {
  const auto contradict = [&](const char* one, const char* other, const char* why) {
    if (table.given(one) && table.given(other))
      problems.push_back(message("{} contradicts {}: {}", named_option(one), named_option(other), why));
  };
  check_word_options(table);
  contradict("data", "train_file", "both name the text to train on");
  for (const char* size : {"train_size", "test_size"}) {
    contradict(size, "validation_split_percentage", "the text to evaluate on can be cut off in one way only");
    contradict(size, "validation_file", "the text to evaluate on can be chosen in one way only");
  }
  if (split_seed && train_size == 0 && test_size == 0)
    problems.push_back(message("--split_seed needs --train_size or --test_size: it decides what these draw"));
  if (!validation_file.empty() && data.empty() && train_file.empty())
    problems.push_back(message("--validation_file needs --train_file or --data: there is no text to train on"));
  if (chunks.line_by_line && training.masking_rng != MaskingRng::counter && run_mlm.is_true("pad_to_max_length"))
    problems.push_back(
        message("--pad_to_max_length cannot be honoured with --masking_rng torch: the streams draw for the longest "
                "line of a batch"));
}

void TrainingArguments::resolve_device(Common& common, std::vector<std::string>& problems) const {
  if (run_mlm.is_true("use_cpu") || run_mlm.is_true("no_cuda")) {
    if (gpu_number(common.device)) problems.push_back(message("--device cuda contradicts --use_cpu"));
    if (common.device == "auto") common.device = "cpu";
  }
  if (run_mlm.is_true("bf16")) {
    if (common.dtype == NumberFormat::f32) problems.push_back(message("--dtype f32 contradicts --bf16"));
    common.dtype = NumberFormat::bf16;
  }
}

void TrainingArguments::resolve_intervals(const OptionTable& table, std::vector<std::string>& problems) {
  if (logging_strategy == Logging::steps && training.logging_steps == 0)
    problems.push_back(
        message("--logging_strategy steps contradicts --logging_steps 0; pass how many updates lie between log lines"));
  if (logging_strategy == Logging::epoch || logging_strategy == Logging::no) {
    if (table.given("logging_steps") && training.logging_steps != 0 && logging_strategy == Logging::epoch)
      note(message("without effect here: --logging_steps (--logging_strategy epoch decides)"));
    training.logging_steps = 0;
  }
  if (warmup_steps >= 1 && warmup_steps != std::floor(warmup_steps))
    problems.push_back(
        message("--warmup_steps is {}, expected a whole number of updates, or a share below 1", warmup_steps));
  if (warmup_steps > 0 && warmup_steps < 1)
    training.warmup_ratio = warmup_steps;
  else
    training.warmup_steps = static_cast<int64_t>(warmup_steps);
  if (std::string& path = training.resume_from_checkpoint; path == "true" || path == "True") path = "auto";
}

std::string TrainingArguments::record(const OptionTable& table, int ranks) {
  const bool overwrite = std::exchange(training.overwrite_output_dir, false);
  const std::string resume = std::exchange(training.resume_from_checkpoint, "");
  std::string text = table.to_toml();
  if (ranks > 1)  // which no option says
    text = fmt::format("# of {} processes: an update takes {} × {} × {} chunks\n", ranks,
                       training.per_device_train_batch_size, training.gradient_accumulation_steps, ranks) +
           text;
  training.overwrite_output_dir = overwrite;
  training.resume_from_checkpoint = resume;
  return text;
}

}  // namespace tekio::cli
