// Every rule of TrainingOptions::problems(): each option's bad values are named, and good ones are not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tekio/adapt.h>
#include <cmath>
#include <limits>

#include "train/options_json.h"

namespace tekio::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const double kNaN = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();

TrainingOptions good() {
  TrainingOptions o;
  o.output_dir = "run";
  return o;
}

TEST(Options, DefaultsNeedOnlyAnOutputFolder) {
  EXPECT_THAT(good().problems(), IsEmpty());
  EXPECT_THAT(TrainingOptions{}.problems(), ElementsAre(HasSubstr("output_dir")));
}

struct Case {
  const char* message;
  std::function<void(TrainingOptions&)> set;
};

TEST(Options, EachBadValueIsNamed) {
  const Case cases[] = {
      {"mlm_probability is 0, expected a number > 0 and <= 1", [](auto& o) { o.mlm_probability = 0; }},
      {"mlm_probability is 1.5, expected a number > 0 and <= 1", [](auto& o) { o.mlm_probability = 1.5; }},
      {"mlm_probability is nan, expected a number > 0 and <= 1", [](auto& o) { o.mlm_probability = kNaN; }},
      {"wwm_probability is -0.1, expected a number > 0 and <= 1", [](auto& o) { o.wwm_probability = -0.1; }},
      {"mlm_probability is 0, expected a number > 0 and <= 1", [](auto& o) { o.initial_mlm_probability = 0; }},
      {"wwm_probability is nan, expected a number > 0 and <= 1", [](auto& o) { o.initial_wwm_probability = kNaN; }},
      {"span_geometric_p is 0, expected a number > 0 and <= 1", [](auto& o) { o.span_geometric_p = 0; }},
      {"max_span_length is 0, expected an integer from 1 to 1000000", [](auto& o) { o.max_span_length = 0; }},
      {"whole_word_mask contradicts masking span",
       [](auto& o) { o.masking = Masking::span, o.whole_word_mask = true; }},
      {"masking span contradicts masking_rng torch",
       [](auto& o) { o.masking = Masking::span, o.masking_rng = MaskingRng::torch_cpu; }},
      {"per_device_train_batch_size is 0, expected an integer >= 1",
       [](auto& o) { o.per_device_train_batch_size = 0; }},
      {"per_device_train_batch_size is 9223372036854775807, expected at most 2147483648",
       [](auto& o) { o.per_device_train_batch_size = INT64_MAX; }},
      {"per_device_eval_batch_size is -4, expected an integer >= 1",
       [](auto& o) { o.per_device_eval_batch_size = -4; }},
      {"gradient_accumulation_steps is 0, expected an integer >= 1",
       [](auto& o) { o.gradient_accumulation_steps = 0; }},
      {"learning_rate is -1, expected a number >= 0", [](auto& o) { o.learning_rate = -1; }},
      {"learning_rate is inf, expected a number >= 0", [](auto& o) { o.learning_rate = kInfinity; }},
      {"weight_decay is -1, expected a number >= 0", [](auto& o) { o.weight_decay = -1; }},
      {"adam_beta1 is 1, expected a number >= 0 and < 1", [](auto& o) { o.adam_beta1 = 1; }},
      {"adam_beta2 is -0.5, expected a number >= 0 and < 1", [](auto& o) { o.adam_beta2 = -0.5; }},
      {"adam_epsilon is 0, expected a number > 0", [](auto& o) { o.adam_epsilon = 0; }},
      {"max_grad_norm is nan, expected a number >= 0", [](auto& o) { o.max_grad_norm = kNaN; }},
      {"lr_scheduler_type polynomial falls to 1e-07, so learning_rate must be above that, got 1e-07",
       [](auto& o) { o.lr_scheduler_type = LrScheduler::polynomial, o.learning_rate = 1e-7; }},
      {"warmup_steps is -1, expected an integer >= 0", [](auto& o) { o.warmup_steps = -1; }},
      {"warmup_ratio is 1.1, expected a number from 0 to 1", [](auto& o) { o.warmup_ratio = 1.1; }},
      {"num_train_epochs is 0, expected a number > 0", [](auto& o) { o.num_train_epochs = 0; }},
      {"num_train_epochs is inf, expected a number > 0", [](auto& o) { o.num_train_epochs = kInfinity; }},
      {"max_steps is 0, expected an integer >= 1, or -1", [](auto& o) { o.max_steps = 0; }},
      {"max_steps is -2, expected an integer >= 1, or -1", [](auto& o) { o.max_steps = -2; }},
      {"dropout is 1, expected a number >= 0 and < 1", [](auto& o) { o.dropout = 1; }},
      {"logging_steps is 2.5, expected a whole number of updates, or a share of all updates below 1",
       [](auto& o) { o.logging_steps = 2.5; }},
      {"eval_steps is -1, expected a number >= 0", [](auto& o) { o.eval_steps = -1; }},
      {"save_steps is 0, expected a number > 0", [](auto& o) { o.save_strategy = Interval::steps, o.save_steps = 0; }},
      {"save_total_limit is -1, expected an integer >= 0", [](auto& o) { o.save_total_limit = -1; }},
      {"early_stopping_patience is -1, expected an integer >= 0", [](auto& o) { o.early_stopping_patience = -1; }},
      {"early_stopping_patience needs evaluations: set eval_strategy to steps or epoch",
       [](auto& o) { o.early_stopping_patience = 2, o.eval_strategy = Interval::no; }},
      {"load_best_model_at_end needs a checkpoint of every evaluation",
       [](auto& o) { o.load_best_model_at_end = true, o.eval_strategy = Interval::no; }},
      {"eval_strategy and save_strategy must be the same, steps or epoch",
       [](auto& o) { o.load_best_model_at_end = true, o.save_strategy = Interval::steps; }},
      {"load_best_model_at_end needs save_steps to be a multiple of eval_steps, got 6 and 4",
       [](auto& o) {
         o.load_best_model_at_end = true, o.eval_strategy = o.save_strategy = Interval::steps, o.eval_steps = 4,
         o.save_steps = 6;
       }},
      {"load_best_model_at_end with eval_strategy steps needs eval_steps",
       [](auto& o) { o.load_best_model_at_end = true, o.eval_strategy = o.save_strategy = Interval::steps; }},
      {"num_train_epochs is 2000000000, expected at most 1e9", [](auto& o) { o.num_train_epochs = 2e9; }},
  };
  for (const Case& c : cases) {
    TrainingOptions o = good();
    c.set(o);
    EXPECT_THAT(o.problems(), ElementsAre(HasSubstr(c.message)));
  }
}

TEST(Options, GoodValuesAtTheEdges) {
  TrainingOptions o = good();
  o.mlm_probability = o.wwm_probability = o.warmup_ratio = 1;
  o.learning_rate = o.weight_decay = o.max_grad_norm = o.adam_beta1 = 0;
  o.dropout = 0;
  o.logging_steps = 0.1;
  o.max_steps = 1;
  o.num_train_epochs = -1;  // max_steps wins
  o.load_best_model_at_end = true, o.eval_strategy = o.save_strategy = Interval::steps, o.eval_steps = 0.1,
  o.save_steps = 0.3;
  EXPECT_THAT(o.problems(), IsEmpty());
}

TEST(Options, AllProblemsAtOnce) {
  TrainingOptions o;
  o.mlm_probability = 2;
  o.learning_rate = -1;
  o.save_total_limit = -1;
  EXPECT_EQ(o.problems().size(), 4u);
}

TEST(Options, ChangesThatARunMayResumeWith) {
  TrainingOptions before = good(), now = good();
  now.logging_steps = 10, now.output_dir = "elsewhere", now.prompts = {"a [MASK]"};
  OptionChanges changes = compare_options(options_to_json(before), options_to_json(now));
  EXPECT_THAT(changes.forbidden, IsEmpty());
  EXPECT_THAT(changes.told, IsEmpty());

  now = before;
  now.learning_rate = 1, now.dropout = 0.3;
  changes = compare_options(options_to_json(before), options_to_json(now));
  EXPECT_THAT(changes.forbidden, IsEmpty());
  EXPECT_THAT(changes.told, ElementsAre(HasSubstr("learning_rate"), HasSubstr("dropout")));

  now = before;
  now.initial_mlm_probability = 0.3, now.whole_word_rule = WholeWordRule::legacy;
  changes = compare_options(options_to_json(before), options_to_json(now));
  EXPECT_THAT(changes.told, ElementsAre("mlm_probability was 0.15 and is \"0.3:0.15\"",
                                        "whole_word_rule was \"words\" and is \"legacy\""));

  // What an earlier version did not know was as it is without it.
  Json earlier = options_to_json(before);
  for (const char* name : {"whole_word_rule", "eval_masking"}) earlier.erase(name);
  changes = compare_options(earlier, options_to_json(before));
  EXPECT_THAT(changes.told, IsEmpty());
  EXPECT_THAT(compare_options("damaged", options_to_json(before)).forbidden, IsEmpty());

  now = before;
  now.seed = 43, now.masking_rng = MaskingRng::torch;
  EXPECT_THAT(compare_options(options_to_json(before), options_to_json(now)).forbidden,
              ElementsAre(HasSubstr("masking_rng"), HasSubstr("seed was 42 and is 43")));
}

TEST(Options, AnUpdateMayBeCutOtherwiseButNotBeAnother) {
  TrainingOptions before = good(), now = good();
  now.per_device_train_batch_size = 16, now.gradient_accumulation_steps = 4;
  EXPECT_THAT(compare_options(options_to_json(before), options_to_json(now)).forbidden, IsEmpty());
  now.gradient_accumulation_steps = 2;
  EXPECT_EQ(compare_options(options_to_json(before), options_to_json(now)).forbidden.size(), 2u);
  before.masking_rng = now.masking_rng = MaskingRng::torch;
  now.gradient_accumulation_steps = 4;
  EXPECT_EQ(compare_options(options_to_json(before), options_to_json(now)).forbidden.size(), 2u);
}

TEST(RunOptions, GoOnOnOtherRanksWithTheSameUpdates) {
  const auto recorded = [](int64_t size, int64_t times, int ranks) {
    TrainingOptions o;
    o.per_device_train_batch_size = size;
    o.gradient_accumulation_steps = times;
    Json options = options_to_json(o);
    if (ranks > 1) options[kWorldSize] = ranks;
    return options;
  };
  EXPECT_EQ(chunks_per_update(recorded(4, 3, 2)), 24);
  EXPECT_EQ(ranks_of(recorded(4, 3, 1)), 1);
  struct {
    Json before, now;
    size_t forbidden, told;
  } const cases[] = {
      {recorded(4, 4, 2), recorded(4, 8, 1), 0, 0},  // the same bits: whole parts of the tree
      {recorded(4, 4, 2), recorded(4, 2, 4), 0, 0}, {recorded(4, 6, 1), recorded(4, 6, 1), 0, 0},
      {recorded(4, 6, 1), recorded(4, 3, 2), 0, 2},                                                // other sums
      {recorded(4, 4, 2), recorded(2, 8, 2), 0, 2},                                                // other batches
      {recorded(4, 4, 2), recorded(2, 4, 4), 0, 2}, {recorded(4, 4, 2), recorded(4, 4, 4), 1, 0},  // other updates
      {recorded(4, 4, 2), recorded(4, 8, 2), 1, 0},
  };
  for (const auto& c : cases) {
    const OptionChanges changes = compare_options(c.before, c.now);
    EXPECT_EQ(changes.forbidden.size(), c.forbidden) << c.before << c.now;
    EXPECT_EQ(changes.told.size(), c.told) << c.before << c.now;
  }
  Json before = recorded(4, 4, 2), now = recorded(2, 4, 4);
  before["masking_rng"] = now["masking_rng"] = "torch";  // drawn batch by batch
  EXPECT_EQ(compare_options(before, now).forbidden.size(), 2u);
  now = recorded(4, 8, 1);
  now["masking_rng"] = "torch";
  EXPECT_TRUE(compare_options(before, now).forbidden.empty());
}

}  // namespace
}  // namespace tekio::test
