// A tokenizer of BERT's kind from nothing but a vocabulary: what training makes.
#pragma once

#include <tekio/tokenizer.h>

#include "text/normalizer.h"
#include "text/vocabulary.h"

namespace tekio {

/// Fails (usage) where options make no sense; the message names the option.
void check(const WordPieceOptions& options);

BertNormalization normalization_of(const WordPieceOptions& options);

/// `vocabulary` has all special tokens that the options name.
Tokenizer bert_tokenizer(Vocabulary vocabulary, const WordPieceOptions& options);

}  // namespace tekio
