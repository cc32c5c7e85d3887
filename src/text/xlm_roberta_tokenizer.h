// A tokenizer of XLM-RoBERTa's kind from nothing but pieces with scores: what training makes.
#pragma once

#include <tekio/tokenizer.h>

#include "text/models/unigram.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

namespace tekio {

/// Fails (usage) where options make no sense; the message names the option.
void check(const UnigramOptions& options);

Normalizer normalizer_of(const UnigramOptions& options);
/// White space split off, a visible space before each word.
PreTokenizer xlm_roberta_pre_tokenizer();

/// `model` has all special tokens that the options name, first of all.
Tokenizer xlm_roberta_tokenizer(Unigram model, const UnigramOptions& options);

}  // namespace tekio
