// Two small tables of other tools' words; the distance between words decides the rest.
#include "hints.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace tekio::cli {
namespace {

struct OtherWord {
  const char *theirs, *ours;
};

// Proposed where the command at hand has the option. Those that mean exactly the same are aliases instead, in the
// tables of options.
constexpr OtherWord kOptions[] = {
    {"batch", "batch_size"},
    {"bs", "batch_size"},
    {"train_batch_size", "per_device_train_batch_size"},
    {"eval_batch_size", "per_device_eval_batch_size"},
    {"corpus", "data"},
    {"dataset", "data"},
    {"input", "data"},
    {"text_file", "data"},
    {"train_data", "data"},
    {"training_data", "data"},
    {"checkpoint", "resume_from_checkpoint"},
    {"resume", "resume_from_checkpoint"},
    {"cpu", "device cpu"},
    {"cuda", "device cuda"},
    {"gpu", "device cuda"},
    {"precision", "dtype"},
    {"torch_dtype", "dtype"},
    {"max_len", "chunk_size"},
    {"max_length", "chunk_size"},
    {"seq_len", "chunk_size"},
    {"seq_length", "chunk_size"},
    {"sequence_length", "chunk_size"},
    {"mask_prob", "mlm_probability"},
    {"mask_probability", "mlm_probability"},
    {"mlm_prob", "mlm_probability"},
    {"span_masking", "masking span"},
    {"geometric_p", "span_geometric_p"},
    {"span_length", "max_span_length"},
    {"span_upper", "max_span_length"},
    {"model_dir", "model"},
    {"model_id", "model"},
    {"model_path", "model"},
    {"pretrained_model_name_or_path", "model"},
    {"num_epochs", "num_train_epochs"},
    {"n_epochs", "num_train_epochs"},
    {"steps", "max_steps"},
    {"num_steps", "max_steps"},
    {"num_threads", "threads"},
    {"num_workers", "threads"},
    {"jobs", "threads"},
    {"out", "output_dir"},
    {"out_dir", "output_dir"},
    {"output", "output_dir"},
    {"output_path", "output_dir"},
    {"save_dir", "output_dir"},
    {"scheduler", "lr_scheduler_type"},
    {"lr_schedule", "lr_scheduler_type"},
    {"lr_scheduler", "lr_scheduler_type"},
    {"wd", "weight_decay"},
    {"grad_clip", "max_grad_norm"},
    {"clip", "max_grad_norm"},
    {"warmup", "warmup_steps"},
    {"grad_accum", "gradient_accumulation_steps"},
    {"accumulate_grad_batches", "gradient_accumulation_steps"},
    {"text_column", "text_column_name"},
    {"column", "text_column_name"},
    {"text_field", "text_column_name"},
    {"delimiter", "csv_separator"},
    {"sep", "csv_separator"},
    {"separator", "csv_separator"},
    {"silent", "quiet"},
    {"force", "overwrite_output_dir"},
    {"overwrite", "overwrite_output_dir"},
    {"wwm", "whole_word_mask"},
    {"k", "top_k"},
    {"days", "older_than"},
    {"sentence", "text"},
    {"pieces", "tokens"},
};

// Command lines that do what another tool's command does.
constexpr OtherWord kCommands[] = {
    {"benchmark", "bench"},
    {"check", "doctor"},
    {"chunk", "data chunks"},
    {"chunks", "data chunks"},
    {"clean", "cache clear"},
    {"compare", "eval"},
    {"corpora", "data list"},
    {"dataset", "data info"},
    {"datasets", "data list"},
    {"decode", "tokenize --decode"},
    {"detokenize", "tokenize --decode"},
    {"encode", "tokenize"},
    {"env", "doctor"},
    {"evaluate", "eval"},
    {"fill-mask", "fill"},
    {"fill_mask", "fill"},
    {"fine-tune", "adapt"},
    {"finetune", "adapt"},
    {"generate", "fill"},
    {"head", "data head"},
    {"inspect", "info"},
    {"perplexity", "eval"},
    {"predict", "fill"},
    {"score", "eval"},
    {"download", "pull"},
    {"show", "info"},
    {"train-tokenizer", "tokenizer train"},
    {"train_tokenizer", "tokenizer train"},
    {"version", "--version"},
    {"vocab", "tokenizer train"},
};

// Models go to the Hub by its own program.
constexpr OtherWord kHub[] = {{"push", "upload"}, {"upload", "upload"}};

const char* find_word(const OtherWord* begin, const OtherWord* end, const std::string& word) {
  const OtherWord* const found = std::find_if(begin, end, [&](const OtherWord& w) { return word == w.theirs; });
  return found == end ? nullptr : found->ours;
}

}  // namespace

std::string nearest_option(const std::string& name, const std::vector<std::string>& names) {
  const auto known = [&](std::string_view option) {
    return std::ranges::find(names, option.substr(0, option.find(' '))) != names.end();
  };
  if (const char* ours = find_word(std::begin(kOptions), std::end(kOptions), name); ours != nullptr && known(ours))
    return ours;
  if (name.size() >= 3) {  // the beginning of one name, as argparse would take it
    const auto begins = [&](const std::string& option) { return option.starts_with(name); };
    if (std::ranges::count_if(names, begins) == 1) return *std::ranges::find_if(names, begins);
  }
  return nearest(name, names);
}

std::string instead_of_command(const std::string& name, const std::vector<std::string>& commands) {
  if (const char* hub = find_word(std::begin(kHub), std::end(kHub), name); hub != nullptr)
    return fmt::format(": 'hf {} ID' does that, and tekio finds what lies in the Hub's cache", hub);
  if (const char* ours = find_word(std::begin(kCommands), std::end(kCommands), name); ours != nullptr)
    return fmt::format(", did you mean '{}'?", ours);
  const std::string near = nearest(name, commands);
  return near.empty() ? "" : ", did you mean '" + near + "'?";
}

}  // namespace tekio::cli
