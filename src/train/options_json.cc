// kForbidden and kTold say what a change of an option means to a run that is resumed; of the others a change means
// nothing.
#include "train/options_json.h"

#include <fmt/format.h>

#include <bit>

#include "base/error.h"
#include "base/log.h"
#include "train/training_options.h"

namespace tekio {
namespace {

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
  return message("{} was {} and is {}", named_option(name),
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

/// With which an update has as many chunks as before, where a whole number does that.
std::string remedy(const Json& before, const Json& now) {
  const Json& size = value_of(now, "per_device_train_batch_size");
  const int64_t each = size.is_number_integer() ? size.get<int64_t>() * ranks_of(now) : 0;
  const int64_t had = chunks_per_update(before);
  return each > 0 && had > 0 && had % each == 0 ? message(" (pass --gradient_accumulation_steps {})", had / each) : "";
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

const Names<Tracker>& tracker_names() {
  static const Names<Tracker> names = {{"none", Tracker::none}, {"tensorboard", Tracker::tensorboard}};
  return names;
}

namespace {

/// A walker (base/option_text.h).
class ToJson {
 public:
  explicit ToJson(Json& document) : document_(document) {}
  template <typename Value>
  void option(const OptionText& text, const Value& value) {
    document_[text.name] = value;
  }
  template <typename Value>
  void option(const OptionText& text, const std::optional<Value>& value) {
    document_[text.name] = value ? Json(*value) : Json();
  }
  template <typename Enum>
  void choice(const OptionText& text, Enum value, const Names<Enum>& names) {
    for (const auto& [name, named] : names)
      if (named == value) document_[text.name] = name;
  }
  void changing(const OptionText& text, const std::optional<double>& first, double last) {
    document_[text.name] = probability(first, last);
  }

 private:
  Json& document_;
};

}  // namespace

Json options_to_json(const TrainingOptions& o) {
  Json document = Json::object();
  ToJson walker(document);
  walk_training_options(o, walker);
  return document;
}

Json mask_options_to_json(const MaskOptions& o) {
  Json document = Json::object();
  ToJson walker(document);
  walk_mask_options(o, walker);
  walker.choice({"masking_rng", ""}, o.masking_rng, masking_rng_names());
  walker.option({"seed", ""}, o.seed);
  return document;
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
  const bool same_update = same_batches || (same_chunks && value_of(now, "masking_rng") == "counter");
  std::vector<std::string>& cut = same_update ? changes.told : changes.forbidden;
  for (const char* name : {kSize, "gradient_accumulation_steps"}) compare(name, cut);
  if (ranks_of(before) != ranks_of(now))
    cut.push_back(fmt::format(
        "the ranks were {} and are {}{}", ranks_of(before), ranks_of(now),
        same_update ? ""
                    : fmt::format(", so that an update would have {} instead of {}",
                                  counted(chunks_per_update(now), "chunk"), with_commas(chunks_per_update(before))) +
                          remedy(before, now)));
  return changes;
}

}  // namespace tekio
