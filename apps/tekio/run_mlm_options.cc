// One table: the option, the values that ask for nothing else than what Tekio does ("*": any), and why.
#include "run_mlm_options.h"

#include <algorithm>

#include "base/log.h"
#include "model/family.h"

namespace tekio::cli {

struct ForeignOption {
  const char* name;
  bool flag;                          // true|false
  std::vector<std::string> accepted;  // {"*"}: all, without effect
  const char* reason;                 // "=--x y": does the same as that
};

namespace {

std::vector<std::string> model_types() {
  std::vector<std::string> types;
  for (const FamilyTable& table : families()) types.emplace_back(table.model_type);
  return types;
}

const std::vector<ForeignOption>& foreign_options() {
  static const std::vector<ForeignOption> options = {
      // What the script does.
      {"do_train", true, {"true"}, "training is what this command does; to evaluate a model only, use tekio eval"},
      {"do_eval", true, {"true"}, "the model is always evaluated before and after; see --eval_strategy"},
      {"do_predict", true, {"false"}, "there is nothing to predict in masked language modelling; see tekio fill"},
      {"eval_on_start", true, {"*"}, "the model is always evaluated before training"},
      // Models from nothing, other configurations.
      {"model_type", false, model_types(), "the model's config.json says it"},
      {"config_overrides", false, {}, "the model's config.json counts; only --dropout can change it"},
      {"config_name",
       false,
       {},
       "the configuration is that of the model's folder; to start from one, use tekio pretrain"},
      {"use_fast_tokenizer", true, {"*"}, "there is one tokenizer, and it is fast"},
      {"trust_remote_code", true, {"*"}, "no code of a model's folder is ever run"},
      {"low_cpu_mem_usage", true, {"*"}, "weights are memory-mapped"},
      {"token", false, {"*"}, "who asks the Hub is said by HF_TOKEN, or by 'hf auth login'"},
      {"use_auth_token", false, {"*"}, "who asks the Hub is said by HF_TOKEN, or by 'hf auth login'"},
      {"torch_dtype",
       false,
       {"auto", "float32"},
       "weights are held in float32; --dtype says how products are computed"},
      // Data.
      {"overwrite_cache", true, {"*"}, "the token store is keyed by what went into it and never stale; see --no_cache"},
      {"preprocessing_num_workers", false, {"*"}, "chunks are cut as one process cuts them, on --threads threads"},
      {"pad_to_max_length", true, {"*"}, "padding is never computed with, so the result is the same"},
      {"streaming", true, {"false"}, "data is always streamed from disk, but shuffled as a whole"},
      {"remove_unused_columns", true, {"*"}, "columns beside the text are never used"},
      {"label_names", false, {}, "masked language modelling makes its own labels"},
      {"group_by_length", true, {"false"}, "batches are drawn at random"},
      {"train_sampling_strategy", false, {"random"}, "batches are drawn at random"},
      {"length_column_name", false, {"*"}, "batches are drawn at random"},
      {"dataloader_drop_last", true, {"false"}, "the last, smaller batch is trained on"},
      {"dataloader_num_workers", false, {"*"}, "a thread makes the next batches while a step computes"},
      {"dataloader_pin_memory", true, {"*"}, "a thread makes the next batches while a step computes"},
      {"dataloader_persistent_workers", true, {"*"}, "a thread makes the next batches while a step computes"},
      {"dataloader_prefetch_factor", false, {"*"}, "a thread makes the next batches while a step computes"},
      {"ignore_data_skip", true, {"false"}, "a resumed run goes on with the chunks that it has not seen"},
      // Arithmetic.
      {"bf16", true, {"*"}, "=--dtype bf16"},
      {"fp16", true, {"false"}, "arithmetic is in f32 or bf16: --dtype bf16"},
      {"bf16_full_eval", true, {"*"}, "evaluation computes as training does: see --dtype"},
      {"fp16_full_eval", true, {"false"}, "arithmetic is in f32 or bf16: --dtype bf16"},
      {"fp16_opt_level", false, {"*"}, "arithmetic is in f32 or bf16: --dtype bf16"},
      {"half_precision_backend", false, {"*"}, "arithmetic is in f32 or bf16: --dtype bf16"},
      {"tf32", true, {"*"}, "this version computes on processors"},
      {"optim", false, {"adamw_torch", "adamw_torch_fused"}, "the optimiser is AdamW"},
      {"adafactor", true, {"false"}, "the optimiser is AdamW"},
      {"optim_args", false, {}, "the optimiser is AdamW, with --adam_beta1, --adam_beta2, --adam_epsilon"},
      {"lr_scheduler_kwargs", false, {}, "the schedules have no further arguments"},
      {"label_smoothing_factor", false, {"0", "0.0"}, "labels are not smoothed"},
      {"neftune_noise_alpha", false, {}, "no noise is added to embeddings"},
      {"auto_find_batch_size", true, {"false"}, "memory is planned before the first step; see --dry_run"},
      {"full_determinism", true, {"*"}, "runs are always deterministic"},
      {"gradient_checkpointing", true, {"*"}, "the result is the same without"},
      {"torch_compile", true, {"*"}, "there is nothing to compile"},
      {"torch_compile_backend", false, {"*"}, "there is nothing to compile"},
      {"torch_compile_mode", false, {"*"}, "there is nothing to compile"},
      {"torch_empty_cache_steps", false, {"*"}, "all memory is planned before the first step"},
      {"use_liger_kernel", true, {"*"}, "Tekio has its own kernels"},
      {"jit_mode_eval", true, {"*"}, "there is nothing to compile"},
      {"use_cpu", true, {"*"}, "=--device cpu"},
      {"no_cuda", true, {"*"}, "=--device cpu"},
      // Several processes.
      {"local_rank", false, {"-1", "0"}, "the launcher tells each process which it is"},
      {"deepspeed", false, {}, "under mpirun --optimizer_sharding is what ZeRO's first stage does"},
      {"fsdp", false, {}, "each process holds the whole model"},
      {"fsdp_config", false, {}, "each process holds the whole model"},
      {"accelerator_config", false, {"*"}, "see --optimizer_sharding and --wire"},
      {"ddp_backend", false, {"*"}, "processes exchange gradients by MPI"},
      {"ddp_timeout", false, {"*"}, "see TEKIO_SILENCE_SECONDS"},
      {"ddp_find_unused_parameters", true, {"*"}, "all gradients are exchanged"},
      {"average_tokens_across_devices",
       true,
       {"*"},
       "the mean is over the masked tokens of all processes; see --accumulation_loss"},
      // Reports.
      {"run_name", false, {"*"}, "the run folder's name is the run's"},
      {"project", false, {"*"}, "metrics are written to the run folder"},
      {"logging_first_step", true, {"*"}, "every update's loss is in the run folder's metrics"},
      {"logging_nan_inf_filter", true, {"*"}, "losses are logged as they are"},
      {"log_level", false, {"*"}, "see --quiet"},
      {"log_level_replica", false, {"*"}, "see --quiet"},
      {"log_on_each_node", true, {"*"}, "see --quiet"},
      {"disable_tqdm", true, {"*"}, "see --quiet"},
      {"skip_memory_metrics", true, {"*"}, "see --dry_run"},
      {"include_num_input_tokens_seen", false, {"*"}, "tokens are always counted"},
      {"include_tokens_per_second", true, {"*"}, "tokens are always counted"},
      // Evaluation and checkpoints.
      {"eval_accumulation_steps", false, {"*"}, "sums are kept, not logits"},
      {"eval_delay", false, {"0", "0.0"}, "evaluations begin with the first interval"},
      {"prediction_loss_only", true, {"*"}, "the loss is what is computed"},
      {"batch_eval_metrics", true, {"*"}, "sums are kept, not logits"},
      {"metric_for_best_model", false, {"loss", "eval_loss"}, "the best model is that of the lowest evaluation loss"},
      {"greater_is_better", true, {"false"}, "the best model is that of the lowest evaluation loss"},
      {"save_safetensors", true, {"true"}, "weights are saved as safetensors"},
      {"save_only_model", true, {"false"}, "checkpoints hold all that resuming needs"},
      {"save_on_each_node", true, {"*"}, "the first process alone writes"},
      {"restore_callback_states_from_checkpoint", true, {"*"}, "a resumed run goes on as if it had not stopped"},
      // The Hub.
      {"hub_strategy",
       false,
       {"end"},
       "a run is pushed once, at its end; tekio push RUN/checkpoint-N ID pushes a checkpoint"},
      {"hub_always_push", true, {"*"}, "a run is pushed once, at its end"},
      {"hub_revision", false, {"main"}, "a run is pushed to the repository's branch main"},
      {"push_to_hub_model_id", false, {}, "name the repository with --hub_model_id"},
      {"push_to_hub_organization", false, {}, "name the repository with --hub_model_id OWNER/NAME"},
      {"push_to_hub_token", false, {}, "pass --hub_token, or set HF_TOKEN"},
  };
  return options;
}

bool accepts_all(const ForeignOption& option) { return option.accepted == std::vector<std::string>{"*"}; }

bool is_secret(const ForeignOption& option) { return std::string_view(option.name).ends_with("token"); }

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

void RunMlmOptions::add_to(OptionTable& table) {
  table.group("run_mlm.py's");
  for (const ForeignOption& foreign : foreign_options()) {
    if (table.has(foreign.name)) continue;
    std::string* value = &taken_.emplace_back(Taken{&foreign, ""}).value;
    Option& option = table.add(foreign.name, value, foreign.reason).unlisted();
    if (is_secret(foreign)) option.only_now();  // nobody's to keep
    if (foreign.flag) {
      option.kind = Option::Kind::boolean;
      option.assign = [value](const std::string& text) { *value = lower(text); };
    }
  }
}

std::vector<std::string> RunMlmOptions::problems(const OptionTable& table) const {
  std::vector<std::string> problems, ignored;
  for (const auto& [option, value] : taken_) {
    const ForeignOption& foreign = *option;
    if (!table.given(foreign.name)) continue;
    if (accepts_all(foreign)) {
      if (foreign.reason[0] != '=')
        ignored.push_back(message("{} ({})", named_option(foreign.name), with_named_options(foreign.reason)));
    } else if (std::find(foreign.accepted.begin(), foreign.accepted.end(), value) == foreign.accepted.end()) {
      const std::string shown = is_secret(foreign) ? "" : " " + printable(value);
      problems.push_back(message("{}{} cannot be honoured: {}", named_option(foreign.name), shown,
                                 with_named_options(foreign.reason)));
    }
  }
  if (problems.empty() && !ignored.empty()) note(fmt::format("without effect here: {}", fmt::join(ignored, ", ")));
  return problems;
}

bool RunMlmOptions::is_true(std::string_view name) const {
  for (const auto& [option, value] : taken_)
    if (option->name == name) return value == "true";
  TEKIO_CHECK(false, "no option {}", name);
}

std::string RunMlmOptions::markdown() {
  std::string out = "| option | |\n|---|---|\n";
  for (const ForeignOption& foreign : foreign_options()) {
    if (foreign.reason[0] == '=')
      out += fmt::format("| `--{}` | the same as `{}` |\n", foreign.name, foreign.reason + 1);
    else if (accepts_all(foreign))
      out += fmt::format("| `--{}` | without effect: {} |\n", foreign.name, foreign.reason);
    else if (foreign.accepted.empty())
      out += fmt::format("| `--{}` | refused: {} |\n", foreign.name, foreign.reason);
    else
      out += fmt::format("| `--{}` | only `{}`: {} |\n", foreign.name, fmt::join(foreign.accepted, "`, `"),
                         foreign.reason);
  }
  return out;
}

}  // namespace tekio::cli
