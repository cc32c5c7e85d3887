// A tokenizer of RoBERTa's kind from nothing but a vocabulary and its merges: what training makes.
#pragma once

#include <tekio/tokenizer.h>

#include "text/models/bpe.h"
#include "text/normalizer.h"

namespace tekio {

/// Fails (usage) where options make no sense; the message names the option.
void check(const BpeOptions& options);

Normalizer normalizer_of(const BpeOptions& options);

/// `model` has all special tokens that the options name.
Tokenizer roberta_tokenizer(Bpe model, const BpeOptions& options);

}  // namespace tekio
