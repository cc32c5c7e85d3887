// What makes a row's tokens for a token store, and marks where its words begin.
#pragma once

#include <tekio/dataset.h>
#include <string>

#include "data/tokenize.h"

namespace tekio {

/// For one thread; keeps `tokenizer`'s tables alive. Ids are those of Tokenizer::encode() whatever `words` are.
EncodeText make_row_encoder(const Tokenizer& tokenizer, WordBounds words);

/// All that decides what such an encoder makes of a text: a part of a store's key.
std::string digest_of_encoder(const Tokenizer& tokenizer, WordBounds words);

}  // namespace tekio
