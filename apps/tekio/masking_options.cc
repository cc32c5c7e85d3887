// What is masked: the options, what of them goes together, and how it is told.
#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"
#include "data/chunks.h"
#include "data/masking.h"
#include "inputs.h"
#include "train/options_json.h"

namespace tekio::cli {
namespace {

// `first`: where the run may begin with another; nullptr: nothing is trained.
Option& add_probability(OptionTable& table, const char* name, std::optional<double>* first, double* last,
                        const char* help) {
  Option& option = first != nullptr ? table.add(name, first, last, help)
                                    : table.add(name, last, help).may_change(Option::Change::refused);
  return option.above(0).at_most(1);
}

void add_options(OptionTable& table, MaskOptions& options, TrainingOptions* training) {
  add_probability(table, "mlm_probability", training != nullptr ? &training->initial_mlm_probability : nullptr,
                  &options.mlm_probability,
                  training != nullptr
                      ? "chance of a token to be chosen for masking; 0.3:0.15 falls from 0.3 to 0.15 over the run, and "
                        "evaluates with 0.15"
                      : "chance of a token to be chosen for masking");
  table.add("whole_word_mask", &options.whole_word_mask, "masks whole words instead of single tokens");
  add_probability(table, "wwm_probability", training != nullptr ? &training->initial_wwm_probability : nullptr,
                  &options.wwm_probability, "chance of a word to be chosen with --whole_word_mask");
  table.add(
      "whole_word_rule", &options.whole_word_rule, whole_word_rule_names(),
      "what --whole_word_mask takes for words: the tokenizer's (words); or, chosen by --mlm_probability, what the "
      "text has no gap in, as DataCollatorForLanguageModeling has it (offsets), or the tokenizer's in random "
      "order up to that share of the tokens, as transformers 4's DataCollatorForWholeWordMask (legacy)");
  table
      .add(
          "masking", &options.masking, masking_names(),
          "token: tokens, or words with --whole_word_mask, one by one; span: stretches of whole words, as SpanBERT has "
          "them, until --mlm_probability of the tokens is masked")
      .refusing("word", "pass --whole_word_mask");
  table
      .add("span_geometric_p", &options.span_geometric_p,
           "of --masking span: a span of L words has the chance P (1 - P)^(L - 1), times a factor")
      .above(0)
      .at_most(1);
  table.add("max_span_length", &options.max_span_length, "of --masking span: words in the longest span")
      .at_least(1)
      .at_most(kLongestSpan);
}

std::string share_text(double share) { return fmt::format("{:.4g} %", 100 * share); }

}  // namespace

void add_masking_options(OptionTable& table, MaskOptions& options) { add_options(table, options, nullptr); }
void add_masking_options(OptionTable& table, TrainingOptions& options) { add_options(table, options, &options); }

std::vector<std::string> masking_contradictions(const OptionTable& table, const MaskOptions& options) {
  std::vector<std::string> problems;
  if (!options.whole_word_mask && options.whole_word_rule != WholeWordRule::words)
    problems.emplace_back("--whole_word_rule needs --whole_word_mask: single tokens are masked without it");
  const auto idle = [&](const char* option, const std::string& why) {
    if (table.given(option)) note(fmt::format("without effect here: --{} ({})", option, why));
  };
  if (options.by_wwm_probability())
    idle("mlm_probability", "--whole_word_mask chooses words by --wwm_probability");
  else
    idle("wwm_probability", options.whole_word_mask ? "--whole_word_rule offsets and legacy choose by --mlm_probability"
                                                    : "words are masked with --whole_word_mask only");
  if (options.masking != Masking::span)
    for (const char* option : {"span_geometric_p", "max_span_length"}) idle(option, "it is of --masking span");
  return problems;
}

void check_masking_options(const OptionTable& table, const MaskOptions& options) {
  std::vector<std::string> problems = masking_contradictions(table, options);
  for (std::string& problem : options.masking_problems()) problems.push_back(std::move(problem));
  if (!problems.empty()) fail(ErrorKind::usage, "{}", fmt::join(problems, "; "));
}

std::string masking_text(const TrainingOptions& o) {
  const double first = o.initial_rate(), last = o.rate();
  const std::string share = first == last ? share_text(last)
                                          : fmt::format("{} {} to {}", share_text(first),
                                                        first > last ? "falling" : "rising", share_text(last));
  const std::string after = first == last ? "" : fmt::format(" · {} in evaluations", share_text(last));
  switch (rule_of(o)) {
    case MaskingRule::tokens:
      break;
    case MaskingRule::words:
      return fmt::format("whole words, {} of them{}", share, after);
    case MaskingRule::offsets:
      return fmt::format("whole words by offsets, {} of them{}", share, after);
    case MaskingRule::legacy:
      return fmt::format("whole words by the legacy rule, {} of the tokens{}", share, after);
    case MaskingRule::spans:
      return fmt::format("spans of up to {}, {} of the tokens{}", counted(o.max_span_length, "word"), share, after);
  }
  return fmt::format("tokens, {} of them{}", share, after);
}

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

void warn_of_long_words(const MaskOptions& options, const Chunks& chunks, const Tokenizer& tokenizer) {
  if (rule_of(options) != MaskingRule::offsets) return;
  constexpr int64_t kSample = 64, kLong = 8;
  const MaskingVocabulary vocabulary = MaskingVocabulary::of(tokenizer);
  int64_t tokens = 0, words = 0;
  std::vector<int32_t> word_ids;
  for (int64_t i = 0; i < std::min(kSample, chunks.size()); ++i) {
    const TokenSpan ids = chunks.view().ids(i);
    chunks.view().word_ids(i, word_ids);
    bool within = false;
    for (int64_t t = 0; t < ids.size(); ++t) {
      const auto at = static_cast<size_t>(t);
      const bool is_text = word_ids[at] != Encoding::kNoWord && !vocabulary.is_special(ids[t]);
      words += is_text && !(within && word_ids[at] == word_ids[at - 1]);
      tokens += is_text;
      within = is_text;
    }
  }
  if (tokens < kLong * words || words == 0) return;
  warn(
      fmt::format("to --whole_word_rule offsets a word of this text has {} tokens on average, since the text, or this "
                  "tokenizer's offsets, leave no gaps between words: masks come in passages; --whole_word_rule words "
                  "masks the tokenizer's words",
                  tokens / words));
}

}  // namespace tekio::cli
