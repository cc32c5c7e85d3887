#include "train/model_card.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "train/report.h"
#include "train/run_record.h"

namespace tekio {
namespace {

constexpr size_t kLongest = 4096;  // of a text that is quoted

/// A YAML scalar: JSON's strings are YAML's double-quoted ones.
std::string yaml(const std::string& text) { return Json(printable(text, kLongest)).dump(); }

/// Text that means itself in Markdown and HTML, in one line and in a table's cell.
std::string markdown(const std::string& text) {
  std::string out;
  for (const char c : printable(text, kLongest)) {
    if (std::string_view("\\`*_{}[]<>#|~&$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

/// Text as code within a line. A fence of backticks is longer than any in it; a table's bar stays the table's.
std::string code(const std::string& text) {
  const std::string shown = printable(text, kLongest);
  size_t run = 0, longest = 0;
  for (const char c : shown) longest = std::max(longest, run = c == '`' ? run + 1 : 0);
  const std::string fence(longest + 1, '`');
  return longest == 0 ? fence + shown + fence : fmt::format("{} {} {}", fence, shown, fence);
}

/// The same as a block.
std::string code_block(const std::string& text, const char* language) {
  size_t run = 0, longest = 2;
  for (const char c : text) longest = std::max(longest, run = c == '`' ? run + 1 : 0);
  const std::string fence(longest + 1, '`');
  return fmt::format("{}{}\n{}\n{}\n", fence, language, text, fence);
}

/// A Hub id, which needs no quotes, or nothing: what a run's file holds may be anything.
bool is_id(const std::string& text) {
  return !text.empty() && text.size() < 100 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c < 0x80 &&
           (std::isalnum(c) != 0 || std::string_view("-_./").find(static_cast<char>(c)) != std::string_view::npos);
  });
}

/// A member of a document from outside, or what stands for it.
std::string text_of(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : "";
}
std::optional<double> number_of(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                                           : std::nullopt;
}
const Json& part_of(const Json& object, const char* key) {
  static const Json kNone;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? *found : kNone;
}
int64_t whole_of(const Json& object, const char* key) {
  return std::llround(std::clamp(number_of(object, key).value_or(0), 0.0, 1e15));
}
std::string count_of(const Json& object, const char* key, const char* noun) {
  return counted(whole_of(object, key), noun);
}

Json read_if_there(const fs::path& file) { return is_missing(file) ? Json() : read_json(file); }

RunSources sources_of(const Json& run) {
  RunSources sources;
  if (std::string id = text_of(part_of(run, "model"), "repository"); is_id(id)) sources.model = std::move(id);
  for (const Json& id : part_of(part_of(run, "data"), "repositories"))
    if (id.is_string() && is_id(id.get<std::string>())) sources.datasets.push_back(id.get<std::string>());
  return sources;
}

class Card {
 public:
  Card(const fs::path& folder, const CardSubject& subject)
      : subject_(subject),
        run_(read_if_there(folder / kRunRecord)),
        options_(read_if_there(folder / "options.json")),
        name_(subject.repository.substr(subject.repository.rfind('/') + 1)) {}

  std::string text() {
    add_metadata();
    add_summary();
    add_figures();
    add_prompts();
    add_usage();
    if (!run_.is_null()) add_training();
    return text_;
  }

 private:
  template <typename... Arguments>
  void line(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    text_ += fmt::format(format, std::forward<Arguments>(arguments)...) + "\n";
  }
  void list(const char* key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    line("{}:", key);
    for (const std::string& value : values) line("- {}", yaml(value));
  }
  std::string base() const { return called(sources_of(run_).model); }
  /// What the Hub calls it now.
  std::string called(const std::string& id) const {
    const auto found = subject_.moved.find(id);
    return found == subject_.moved.end() ? id : found->second;
  }
  bool is_measured() const { return number_of(part_of(run_, "after"), "perplexity").has_value(); }
  std::vector<std::string> datasets() const;
  std::string data_name() const { return text_of(part_of(run_, "data"), "name"); }

  void add_metadata();
  void add_index();
  void add_summary();
  void add_figures();
  void add_prompts();
  void add_usage();
  void add_training();
  void add_hyperparameters();
  void add_total_batch();
  void add_evaluations();

  const CardSubject& subject_;
  const Json run_, options_;
  const std::string name_;
  std::string text_;
};

std::vector<std::string> Card::datasets() const {
  std::vector<std::string> ids;
  for (const std::string& id : sources_of(run_).datasets)
    if (const std::string now = called(id); std::find(ids.begin(), ids.end(), now) == ids.end()) ids.push_back(now);
  return ids;
}

void Card::add_metadata() {
  line("---");
  line("library_name: transformers");
  std::vector<std::string> languages;
  for (const std::string& language : subject_.languages)
    if (is_id(language)) languages.push_back(language);
  list("language", languages);
  if (is_id(subject_.license)) line("license: {}", yaml(subject_.license));
  if (is_id(base())) line("base_model: {}", yaml(base()));
  line("pipeline_tag: fill-mask");
  list("tags", {"fill-mask", "masked-lm", "tekio"});
  list("datasets", datasets());
  if (is_measured()) list("metrics", {"perplexity", "accuracy"});
  add_index();
  line("---");
}

void Card::add_index() {
  const std::string data = datasets().empty() ? data_name() : datasets().front();
  if (!is_measured() || data.empty()) return;
  const Json& after = part_of(run_, "after");
  line("model-index:\n- name: {}\n  results:\n  - task:\n      type: fill-mask\n      name: Masked language modelling",
       yaml(name_));
  line("    dataset:\n      type: {}\n      name: {}\n    metrics:", yaml(data),
       yaml(data_name().empty() ? data : data_name()));
  line("    - type: perplexity\n      name: Perplexity\n      value: {:.4f}", *number_of(after, "perplexity"));
  if (const auto accuracy = number_of(after, "accuracy"))
    line("    - type: accuracy\n      name: Accuracy\n      value: {:.4f}", *accuracy);
}

void Card::add_summary() {
  line("\n<!-- Written by `tekio push` from the run's own files. -->\n\n# {}\n", markdown(name_));
  if (run_.is_null()) {
    line("A masked language model, pushed with Tekio. No record of its training lies beside it.");
    return;
  }
  const Json& model = part_of(run_, "model");
  const std::string name = text_of(model, "name");
  const std::string from = is_id(base()) ? fmt::format("[{}](https://huggingface.co/{})", markdown(base()), base())
                                         : markdown(name.empty() ? "another model" : name);
  const std::string data = data_name().empty() ? "text" : markdown(data_name());
  const bool made = text_of(run_, "command").starts_with("tekio pretrain");
  line("{} with {} parameters, {} on {} by masked language modelling with Tekio {}.",
       text_of(model, "family").empty() ? "A masked language model" : markdown(text_of(model, "family")),
       with_commas(whole_of(model, "parameters")),
       made ? "trained from random weights" : fmt::format("trained further from {}", from), data,
       markdown(text_of(run_, "version")));
  if (const std::string owed = text_of(part_of(run_, "data"), "attribution"); !owed.empty())
    line("\nThe text it was trained on: {}", markdown(owed));
}

std::string interval_text(const Json& evaluation) {
  const double perplexity = number_of(evaluation, "perplexity").value_or(0);
  const auto interval = number_of(evaluation, "perplexity_interval");
  return interval && std::isfinite(*interval) ? fmt::format("{:.2f} ± {:.2f}", perplexity, *interval)
                                              : fmt::format("{:.2f}", perplexity);
}

std::string percent_text(const Json& evaluation) {
  return fmt::format("{:.2f} %", 100 * number_of(evaluation, "accuracy").value_or(0));
}

void Card::add_figures() {
  if (!is_measured()) return;
  const Json &before = part_of(run_, "before"), &after = part_of(run_, "after"), &general = part_of(run_, "general");
  const auto row = [&](const std::string& what, std::string (*shown)(const Json&), const Json& first,
                       const Json& last) {
    line("| {} | {} | {} |", what, first.is_object() ? shown(first) : "", last.is_object() ? shown(last) : "");
  };
  const std::string other =
      markdown(text_of(general, "name").empty() ? "text of other kinds" : text_of(general, "name"));
  line("\n## What was measured\n\n| | before | after |\n|---|---:|---:|");
  row("perplexity", interval_text, before, after);
  row("accuracy", percent_text, before, after);
  if (general.is_object()) {
    row("perplexity on " + other, interval_text, part_of(general, "before"), part_of(general, "after"));
    row("accuracy on " + other, percent_text, part_of(general, "before"), part_of(general, "after"));
  }
  line(
      "\nPerplexity is the exponential of the mean loss over {} in {} that the model was not trained on, {}; accuracy "
      "is "
      "the share of them that the model thinks the likeliest. What follows ± is half of the 95 % interval, from the "
      "spread over chunks.",
      count_of(after, "masked_tokens", "masked token"), count_of(after, "chunks", "chunk"),
      text_of(options_, "eval_masking") == "fresh" ? "masked anew for each evaluation"
                                                   : "masked once for all evaluations");
}

void Card::add_prompts() {
  const auto words = [](const Json& predictions) {
    std::vector<std::string> texts;
    if (predictions.is_array())
      for (const Json& p : predictions) texts.push_back(code(text_of(p, "token_str")));
    return fmt::format("{}", fmt::join(texts, ", "));
  };
  const Json& prompts = part_of(run_, "prompts");
  if (!prompts.is_array() || prompts.empty()) return;
  line("\n## What it fills in\n");
  for (const Json& prompt : prompts)
    line("- {}\n  - before: {}\n  - after: {}", code(text_of(prompt, "text")), words(part_of(prompt, "before")),
         words(part_of(prompt, "after")));
}

void Card::add_usage() {
  line("\n## How to use it\n");
  text_ += code_block(fmt::format("from transformers import pipeline\n\nfill = pipeline(\"fill-mask\", model=\"{}\")\n"
                                  "fill(f\"This is a great {{fill.tokenizer.mask_token}}.\")",
                                  subject_.repository),
                      "python");
}

void Card::add_hyperparameters() {
  static constexpr const char* kShown[] = {"learning_rate",
                                           "lr_scheduler_type",
                                           "warmup_steps",
                                           "warmup_ratio",
                                           "per_device_train_batch_size",
                                           "gradient_accumulation_steps",
                                           "accumulation_loss",
                                           "world_size",
                                           "wire",
                                           "per_device_eval_batch_size",
                                           "num_train_epochs",
                                           "max_steps",
                                           "weight_decay",
                                           "adam_beta1",
                                           "adam_beta2",
                                           "adam_epsilon",
                                           "max_grad_norm",
                                           "dropout",
                                           "masking",
                                           "mlm_probability",
                                           "whole_word_mask",
                                           "wwm_probability",
                                           "whole_word_rule",
                                           "span_geometric_p",
                                           "max_span_length",
                                           "eval_masking",
                                           "masking_rng",
                                           "seed",
                                           "data_seed",
                                           "load_best_model_at_end"};
  if (!options_.is_object()) return;
  line("\n### Hyper-parameters\n");
  for (const char* name : kShown) {
    const Json& value = part_of(options_, name);
    if (value.is_null() || value.is_structured()) continue;
    line("- `{}`: {}", name, value.is_string() ? markdown(value.get<std::string>()) : value.dump());
    if (name == std::string_view("gradient_accumulation_steps")) add_total_batch();
  }
}

/// As the reference's cards have it, where it is more than one batch.
void Card::add_total_batch() {
  double total = 1;
  for (const char* name : {"per_device_train_batch_size", "gradient_accumulation_steps", "world_size"})
    total *= number_of(options_, name).value_or(1);
  if (total > number_of(options_, "per_device_train_batch_size").value_or(total) && total < 1e15)
    line("- `total_train_batch_size`: {:.0f}", total);
}

void Card::add_evaluations() {
  const Json& points = part_of(run_, "evaluations");
  if (!points.is_array() || points.empty()) return;
  line(
      "\n### Evaluations\n\n| epoch | step | training loss | evaluation loss | perplexity | accuracy |\n"
      "|---:|---:|---:|---:|---:|---:|");
  for (const Json& point : points)
    line("| {} | {} | {:.4f} | {:.4f} | {} | {} |", epochs_text(number_of(point, "epoch").value_or(0)),
         with_commas(whole_of(point, "step")), number_of(point, "train_loss").value_or(0),
         number_of(point, "loss").value_or(0), interval_text(point), percent_text(point));
}

void Card::add_training() {
  const Json &data = part_of(run_, "data"), &train = part_of(run_, "train");
  line("\n## Training\n");
  line("- data: {}, {} of it, {}", data_name().empty() ? "not named" : markdown(data_name()),
       count_of(data, "rows", "row"), count_of(data, "tokens", "token"));
  if (!text_of(data, "text_column").empty()) line("- column: {}", code(text_of(data, "text_column")));
  if (number_of(data, "skipped_rows").value_or(0) > 0) line("- left out: {}", count_of(data, "skipped_rows", "row"));
  line("- chunks of {}: {} to train on, {} to evaluate on", count_of(data, "chunk_size", "token"),
       with_commas(whole_of(data, "train_chunks")), with_commas(whole_of(data, "eval_chunks")));
  line("- {} in {}, {} tokens a second, on {} in {}", count_of(train, "steps", "update"),
       clock_time(number_of(train, "seconds").value_or(0)), with_commas(whole_of(train, "tokens_per_second")),
       markdown(text_of(run_, "device")), markdown(text_of(run_, "dtype")));
  if (const std::string commit = text_of(part_of(run_, "model"), "commit"); is_id(commit) && is_id(base()))
    line("- begun with commit {} of {}", code(commit), markdown(base()));
  add_evaluations();
  add_hyperparameters();
  if (const std::string command = text_of(run_, "command"); !command.empty()) {
    line("\n### Command\n");
    text_ += code_block(printable(command, size_t{64} << 10), "");
  }
  line("\n### Versions\n\n- Tekio {}", markdown(text_of(run_, "version")));
}

}  // namespace

RunSources run_sources(const fs::path& folder) { return sources_of(read_if_there(folder / kRunRecord)); }

std::string model_card(const fs::path& folder, const CardSubject& subject) { return Card(folder, subject).text(); }

}  // namespace tekio
