// kForbidden and kTold say what a change of an option means to a run that is resumed; of the others a change means
// nothing.
#include "train/options_json.h"

#include <fmt/format.h>

#include <bit>

#include "base/error.h"
#include "base/log.h"
#include "train/schedule.h"

namespace tekio {
namespace {

template <typename Enum>
const std::string& name_in(const Names<Enum>& names, Enum value) {
  for (const auto& [name, named] : names)
    if (named == value) return name;
  TEKIO_CHECK(false, "no name for {}", static_cast<int>(value));
}

/// Position in the data, or what is drawn there, hangs on these.
const char* const kForbidden[] = {"masking_rng", "seed", "data_seed"};
/// These change what an update does.
const char* const kTold[] = {"mlm_probability",   "whole_word_mask",
                             "wwm_probability",   "whole_word_rule",
                             "masking",           "span_geometric_p",
                             "max_span_length",   "eval_masking",
                             "accumulation_loss", "learning_rate",
                             "weight_decay",      "adam_beta1",
                             "adam_beta2",        "adam_epsilon",
                             "max_grad_norm",     "lr_scheduler_type",
                             "warmup_steps",      "warmup_ratio",
                             "num_train_epochs",  "max_steps",
                             "dropout",           "wire"};

std::string change(const char* name, const Json& before, const Json& now) {
  return fmt::format("--{} was {} and is {}", name,
                     printable(before.dump(-1, ' ', false, Json::error_handler_t::replace)), now.dump());
}

/// As the command line has it.
Json probability(std::optional<double> initial, double last) {
  return initial ? Json(fmt::format("{}:{}", *initial, last)) : Json(last);
}

const Json& value_of(const Json& options, const char* name) {
  static const Json absent;
  const auto it = options.find(name);
  return it == options.end() ? absent : *it;
}

}  // namespace

int64_t ranks_of(const Json& options) {
  const Json& ranks = value_of(options, kWorldSize);
  return ranks.is_number_integer() ? ranks.get<int64_t>() : 1;
}

int64_t chunks_per_update(const Json& options) {
  const Json& size = value_of(options, "per_device_train_batch_size");
  const Json& times = value_of(options, "gradient_accumulation_steps");
  if (!size.is_number_integer() || !times.is_number_integer()) return 0;
  return size.get<int64_t>() * times.get<int64_t>() * ranks_of(options);
}

namespace {

/// Whether gradients are added up as one process adds them: where a rank's micro-batches are a whole part of the tree.
bool sums_as_one(const Json& options) {
  const Json& times = value_of(options, "gradient_accumulation_steps");
  const auto own = times.is_number_integer() ? times.get<int64_t>() : 0;
  return ranks_of(options) == 1 || (own > 0 && std::has_single_bit(static_cast<uint64_t>(own)));
}

}  // namespace

const Names<Interval>& interval_names() {
  static const Names<Interval> names = {{"no", Interval::no}, {"steps", Interval::steps}, {"epoch", Interval::epoch}};
  return names;
}

const Names<EvalMasking>& eval_masking_names() {
  static const Names<EvalMasking> names = {{"frozen", EvalMasking::frozen}, {"fresh", EvalMasking::fresh}};
  return names;
}

const Names<MaskingRng>& masking_rng_names() {
  static const Names<MaskingRng> names = {
      {"counter", MaskingRng::counter}, {"torch", MaskingRng::torch}, {"torch-cpu", MaskingRng::torch_cpu}};
  return names;
}

const Names<WholeWordRule>& whole_word_rule_names() {
  static const Names<WholeWordRule> names = {
      {"words", WholeWordRule::words}, {"offsets", WholeWordRule::offsets}, {"legacy", WholeWordRule::legacy}};
  return names;
}

const Names<Masking>& masking_names() {
  static const Names<Masking> names = {{"token", Masking::token}, {"span", Masking::span}};
  return names;
}

const Names<AccumulationLoss>& accumulation_loss_names() {
  static const Names<AccumulationLoss> names = {{"automatic", AccumulationLoss::automatic},
                                                {"tokens", AccumulationLoss::tokens},
                                                {"sum", AccumulationLoss::sum},
                                                {"mean", AccumulationLoss::mean}};
  return names;
}

const Names<WireFormat>& wire_format_names() {
  static const Names<WireFormat> names = {{"f32", WireFormat::f32}, {"bf16", WireFormat::bf16}};
  return names;
}

Json options_to_json(const TrainingOptions& o) {
  Json j = {{"output_dir", o.output_dir},
            {"overwrite_output_dir", o.overwrite_output_dir},
            {"mlm_probability", probability(o.initial_mlm_probability, o.mlm_probability)},
            {"whole_word_mask", o.whole_word_mask},
            {"wwm_probability", probability(o.initial_wwm_probability, o.wwm_probability)},
            {"whole_word_rule", name_in(whole_word_rule_names(), o.whole_word_rule)},
            {"masking", name_in(masking_names(), o.masking)},
            {"span_geometric_p", o.span_geometric_p},
            {"max_span_length", o.max_span_length},
            {"eval_masking", name_in(eval_masking_names(), o.eval_masking)},
            {"masking_rng", name_in(masking_rng_names(), o.masking_rng)},
            {"seed", o.seed},
            {"data_seed", nullptr},
            {"per_device_train_batch_size", o.per_device_train_batch_size},
            {"per_device_eval_batch_size", o.per_device_eval_batch_size},
            {"gradient_accumulation_steps", o.gradient_accumulation_steps},
            {"accumulation_loss", name_in(accumulation_loss_names(), o.accumulation_loss)},
            {"learning_rate", o.learning_rate},
            {"weight_decay", o.weight_decay},
            {"adam_beta1", o.adam_beta1},
            {"adam_beta2", o.adam_beta2},
            {"adam_epsilon", o.adam_epsilon},
            {"max_grad_norm", o.max_grad_norm},
            {"lr_scheduler_type", name_of(o.lr_scheduler_type)},
            {"warmup_steps", o.warmup_steps},
            {"warmup_ratio", o.warmup_ratio},
            {"num_train_epochs", o.num_train_epochs},
            {"max_steps", o.max_steps},
            {"dropout", nullptr},
            {"optimizer_sharding", o.optimizer_sharding},
            {"wire", name_in(wire_format_names(), o.wire)},
            {"logging_steps", o.logging_steps},
            {"eval_strategy", name_in(interval_names(), o.eval_strategy)},
            {"eval_steps", o.eval_steps},
            {"save_strategy", name_in(interval_names(), o.save_strategy)},
            {"save_steps", o.save_steps},
            {"save_total_limit", o.save_total_limit},
            {"load_best_model_at_end", o.load_best_model_at_end},
            {"early_stopping_patience", o.early_stopping_patience},
            {"resume_from_checkpoint", o.resume_from_checkpoint},
            {"trace", o.trace},
            {"prompts", o.prompts}};
  if (o.data_seed) j["data_seed"] = *o.data_seed;
  if (o.dropout) j["dropout"] = *o.dropout;
  return j;
}

OptionChanges compare_options(const Json& recorded, const Json& now) {
  // An option that an earlier version did not have was as it is without one.
  Json before = options_to_json({});
  if (recorded.is_object()) before.update(recorded);
  OptionChanges changes;
  const auto compare = [&](const char* name, std::vector<std::string>& into) {
    if (value_of(before, name) != value_of(now, name))
      into.push_back(change(name, value_of(before, name), value_of(now, name)));
  };
  for (const char* name : kForbidden) compare(name, changes.forbidden);
  for (const char* name : kTold) compare(name, changes.told);
  // With counter-based masks an update may be cut into other micro-batches: it is still the same update. The
  // reference's streams are drawn batch by batch, so there the batches must stay; whose they are is another matter.
  constexpr const char* kSize = "per_device_train_batch_size";
  const bool same_chunks = chunks_per_update(before) == chunks_per_update(now);
  const bool same_batches = same_chunks && value_of(before, kSize) == value_of(now, kSize);
  if (same_batches && sums_as_one(before) && sums_as_one(now)) return changes;
  const bool same_update = same_batches || (same_chunks && value_of(now, "masking_rng") ==
                                                               name_in(masking_rng_names(), MaskingRng::counter));
  std::vector<std::string>& cut = same_update ? changes.told : changes.forbidden;
  for (const char* name : {kSize, "gradient_accumulation_steps"}) compare(name, cut);
  if (ranks_of(before) != ranks_of(now))
    cut.push_back(fmt::format(
        "the ranks were {} and are {}{}", ranks_of(before), ranks_of(now),
        same_update ? ""
                    : fmt::format(", so that an update would have {} instead of {}",
                                  counted(chunks_per_update(now), "chunk"), with_commas(chunks_per_update(before)))));
  return changes;
}

}  // namespace tekio
