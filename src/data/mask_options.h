// The options of masking, described: see base/option_text.h.
#pragma once

#include <tekio/masking.h>

#include "base/option_text.h"
#include "data/masking.h"

namespace tekio {

const Names<MaskingRng>& masking_rng_names();
const Names<WholeWordRule>& whole_word_rule_names();
const Names<Masking>& masking_names();

/// A sentence for each two values that contradict each other.
std::vector<std::string> masking_contradictions(const MaskOptions& options);

/// What is hidden, of MaskOptions or TrainingOptions, whose shares may change over the run; not where randomness comes
/// from.
template <typename Options, typename Walker>
void walk_mask_options(Options& o, Walker& walk) {
  const OptionRange share = OptionRange::above(0).at_most(1);
  const OptionText of_words = {"wwm_probability", "chance of a word to be chosen with --whole_word_mask", share};
  if constexpr (requires { o.initial_mlm_probability; })
    walk.changing({"mlm_probability",
                   "chance of a token to be chosen for masking; 0.3:0.15 falls from 0.3 to 0.15 over the run, and "
                   "evaluates with 0.15",
                   share},
                  o.initial_mlm_probability, o.mlm_probability);
  else
    walk.option({"mlm_probability", "chance of a token to be chosen for masking", share}, o.mlm_probability);
  walk.option({"whole_word_mask", "masks whole words instead of single tokens"}, o.whole_word_mask);
  if constexpr (requires { o.initial_wwm_probability; })
    walk.changing(of_words, o.initial_wwm_probability, o.wwm_probability);
  else
    walk.option(of_words, o.wwm_probability);
  walk.choice(
      {"whole_word_rule",
       "what --whole_word_mask takes for words: the tokenizer's (words); or, chosen by --mlm_probability, what the "
       "text has no gap in, as DataCollatorForLanguageModeling has it (offsets), or the tokenizer's in random "
       "order up to that share of the tokens, as transformers 4's DataCollatorForWholeWordMask (legacy)"},
      o.whole_word_rule, whole_word_rule_names());
  walk.choice(
      {"masking",
       "token: tokens, or words with --whole_word_mask, one by one; span: stretches of whole words, as SpanBERT has "
       "them, until --mlm_probability of the tokens is masked"},
      o.masking, masking_names());
  walk.option({"span_geometric_p",
               "of --masking span: a span of L words has the chance P (1 - P)^(L - 1), times a factor", share},
              o.span_geometric_p);
  walk.option({"max_span_length", "of --masking span: words in the longest span",
               OptionRange::at_least(1).at_most(static_cast<double>(kLongestSpan))},
              o.max_span_length);
}

}  // namespace tekio
