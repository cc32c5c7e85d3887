// What is masked: the options, what of them goes together, and how it is told.
#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"
#include "data/chunks.h"
#include "data/masking.h"
#include "inputs.h"
#include "train/options_json.h"

namespace tekio::cli {

void add_masking_options(OptionTable& table, MaskOptions& options) {
  table.add("mlm_probability", &options.mlm_probability, "chance of a token to be chosen for masking")
      .above(0)
      .at_most(1);
  table.add("whole_word_mask", &options.whole_word_mask, "masks whole words instead of single tokens");
  table.add("wwm_probability", &options.wwm_probability, "chance of a word to be chosen with --whole_word_mask")
      .above(0)
      .at_most(1);
  table.add(
      "whole_word_rule", &options.whole_word_rule, whole_word_rule_names(),
      "what --whole_word_mask takes for words: the tokenizer's (words); or, chosen by --mlm_probability, what the "
      "text has no gap in, as DataCollatorForLanguageModeling has it (offsets), or the tokenizer's in random "
      "order up to that share of the tokens, as transformers 4's DataCollatorForWholeWordMask (legacy)");
}

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
  return problems;
}

void check_masking_options(const OptionTable& table, const MaskOptions& options) {
  if (const auto problems = masking_contradictions(table, options); !problems.empty())
    fail(ErrorKind::usage, "{}", fmt::join(problems, "; "));
}

std::string masking_text(const MaskOptions& options) {
  const std::string share = fmt::format("{:.4g} %", 100 * options.rate());
  switch (rule_of(options)) {
    case MaskingRule::tokens:
      break;
    case MaskingRule::words:
      return fmt::format("whole words, {} of them", share);
    case MaskingRule::offsets:
      return fmt::format("whole words by offsets, {} of them", share);
    case MaskingRule::legacy:
      return fmt::format("whole words by the legacy rule, {} of the tokens", share);
  }
  return fmt::format("tokens, {} of them", share);
}

OrderedJson masking_json(const TrainingOptions& o) {
  OrderedJson rule;
  for (const auto& [name, value] : whole_word_rule_names())
    if (o.whole_word_mask && value == o.whole_word_rule) rule = name;
  return {{"of", rule_of(o) == MaskingRule::tokens ? "tokens" : "words"},
          {"rule", rule},
          {"rate", {{"first", o.rate()}, {"last", o.rate()}, {"evaluation", o.rate()}}}};
}

void warn_of_long_words(const MaskOptions& options, const Chunks& chunks, const Tokenizer& tokenizer) {
  if (rule_of(options) != MaskingRule::offsets) return;
  constexpr int64_t kSample = 64, kLong = 20;
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
