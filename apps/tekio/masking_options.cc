// What is masked: the options, what of them goes together, and how it is told.
#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"
#include "bind_options.h"
#include "data/chunks.h"
#include "data/mask_options.h"
#include "inputs.h"

namespace tekio::cli {
namespace {

std::string share_text(double share) { return fmt::format("{:.4g} %", 100 * share); }

}  // namespace

void add_masking_options(OptionTable& table, MaskOptions& options) {
  BindOptions bind(table);
  walk_mask_options(options, bind);
  for (const char* share : {"mlm_probability", "wwm_probability"}) table.at(share).may_change(Option::Change::refused);
  table.at("masking").refusing("word", "pass --whole_word_mask");
}

void add_masking_options(OptionTable& table, TrainingOptions& options) {
  BindOptions bind(table);
  walk_mask_options(options, bind);
  table.at("masking").refusing("word", "pass --whole_word_mask");
}

std::vector<std::string> masking_contradictions(const OptionTable& table, const MaskOptions& options) {
  std::vector<std::string> problems;
  if (!options.whole_word_mask && options.whole_word_rule != WholeWordRule::words)
    problems.push_back(message("--whole_word_rule needs --whole_word_mask: single tokens are masked without it"));
  const auto idle = [&](const char* option, const char* why) {
    if (table.given(option))
      note(message("without effect here: {} ({})", named_option(option), with_named_options(why)));
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

namespace {

/// How many tokens a word has on average; 0 where there is none.
int64_t tokens_of_a_word(const Chunks& chunks, const MaskingVocabulary& vocabulary) {
  constexpr int64_t kSample = 64;
  int64_t tokens = 0, words = 0;
  std::vector<int32_t> word_ids;
  for (int64_t i = 0; i < std::min(kSample, chunks.size()); ++i) {
    const TokenSpan ids = ChunksView::of(chunks).ids(i);
    ChunksView::of(chunks).word_ids(i, word_ids);
    bool within = false;
    for (int64_t t = 0; t < ids.size(); ++t) {
      const auto at = static_cast<size_t>(t);
      const bool is_text = word_ids[at] != Encoding::kNoWord && !vocabulary.is_special(ids[t]);
      words += is_text && !(within && word_ids[at] == word_ids[at - 1]);
      tokens += is_text;
      within = is_text;
    }
  }
  return words > 0 ? tokens / words : 0;
}

bool splits_at_spaces(const Tokenizer& tokenizer) {
  const Encoding two = tokenizer.encode("one two", {.add_special_tokens = false});
  return !two.word_ids.empty() && two.word_ids.front() != two.word_ids.back();
}

}  // namespace

void warn_of_long_words(const MaskOptions& options, const Chunks& chunks, const Tokenizer& tokenizer) {
  constexpr int64_t kLong = 8;
  const MaskingRule rule = rule_of(options);
  if (rule == MaskingRule::tokens) return;
  const int64_t tokens = tokens_of_a_word(chunks, MaskingVocabulary::of(tokenizer));
  if (tokens < kLong) return;
  if (rule == MaskingRule::offsets && splits_at_spaces(tokenizer))
    warn(
        message("to --whole_word_rule offsets a word of this text has {} tokens on average, since the text, or this "
                "tokenizer's offsets, leave no gaps between words: masks come in passages; --whole_word_rule words "
                "masks the tokenizer's words",
                tokens));
  else
    warn(
        message("a word of this text has {} tokens on average, since the tokenizer does not split at spaces or the "
                "text has none: {}; give words in the data (--word_column, --word_separator), or mask tokens",
                tokens,
                rule == MaskingRule::spans ? "spans are of tokens where a word is long"
                                           : "whole passages are masked, and most chunks have no mask"));
}

}  // namespace tekio::cli
