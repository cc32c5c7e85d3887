#include "train/adapt_json.h"

#include <tekio/json.h>

#include "data/mask_options.h"
#include "model/result_json.h"

namespace tekio {
namespace {

OrderedJson general_json(const AdaptReport& report, const TrainingOptions& options) {
  if (!report.general) return nullptr;
  const auto both = [&](double EvaluationReport::*figure) -> OrderedJson {
    return {{"before", report.general->before.*figure}, {"after", report.general->after.*figure}};
  };
  return {{"before", report.general->before.perplexity},
          {"after", report.general->after.perplexity},
          {"data", options.general_name},
          {"eval_chunks", report.general->after.chunks},
          {"perplexity", both(&EvaluationReport::perplexity)},
          {"eval_loss", both(&EvaluationReport::loss)},
          {"accuracy", both(&EvaluationReport::accuracy)}};
}

// Before, after each evaluation, and after. A stopped run has no figure after: null.
OrderedJson figures_json(const AdaptReport& report, double EvaluationReport::*figure) {
  OrderedJson figures = {{"before", report.before.*figure}, {"epochs", OrderedJson::array()}, {"after", nullptr}};
  for (const EvaluationPoint& point : report.evaluations) figures["epochs"].push_back(point.evaluation.*figure);
  if (report.stopped == 0) figures["after"] = report.after.*figure;
  return figures;
}

}  // namespace

OrderedJson masking_json(const TrainingOptions& o) {
  OrderedJson rule;
  for (const auto& [name, value] : whole_word_rule_names())
    if (o.whole_word_mask && value == o.whole_word_rule) rule = name;
  const MaskingRule masked = rule_of(o);
  return {{"of", masked == MaskingRule::tokens  ? "tokens"
                 : masked == MaskingRule::spans ? "spans"
                                                : "words"},
          {"rule", rule},
          {"rate", {{"first", o.initial_rate()}, {"last", o.rate()}, {"evaluation", o.rate()}}}};
}

OrderedJson adapt_json(const AdaptReport& r, const TrainingOptions& options) {
  const RunDescription& d = options.description;
  OrderedJson prompts = OrderedJson::array();
  for (const AdaptReport::Prompt& prompt : r.prompts)
    prompts.push_back({{"text", prompt.text}, {"before", json_of(prompt.before)}, {"after", json_of(prompt.after)}});
  return {{"run_dir", r.run_dir},
          {"model", {{"name", d.model}, {"family", r.model.family}, {"parameters", r.model.parameters}}},
          {"data",
           {{"rows", d.rows},
            {"tokens", d.tokens},
            {"train_chunks", r.train_chunks},
            {"eval_chunks", r.eval_chunks},
            {"text_column", d.text_column},
            {"skipped_rows", d.skipped_rows},
            {"duplicate_rows", d.duplicate_rows ? OrderedJson(*d.duplicate_rows) : OrderedJson()},
            {"held_out_duplicates", d.held_out_duplicates ? OrderedJson(*d.held_out_duplicates) : OrderedJson()}}},
          {"masking", masking_json(options)},
          {"perplexity", figures_json(r, &EvaluationReport::perplexity)},
          {"accuracy", figures_json(r, &EvaluationReport::accuracy)},
          {"eval_loss", figures_json(r, &EvaluationReport::loss)},
          {"train",
           {{"steps", r.steps},
            {"steps_without_masked_tokens", r.steps_without_masked_tokens},
            {"loss", r.train_loss},
            {"seconds", r.train_seconds},
            {"tokens_per_second", r.tokens_per_second}}},
          {"general", general_json(r, options)},
          {"prompts", prompts},
          {"world_size", r.world_size},
          {"stopped", r.stopped != 0}};
}

std::string to_json(const AdaptReport& report, const TrainingOptions& options) {
  return adapt_json(report, options).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace tekio
