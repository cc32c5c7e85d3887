// What makes a row's tokens for a token store, and marks where its words begin.
#pragma once

#include <tekio/dataset.h>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenize.h"

namespace tekio {

/// For one thread; keeps `tokenizer`'s tables alive. Ids are those of Tokenizer::encode() whatever `bounds` are. Where
/// words are given, as `read` says, they are encoded one by one, as the reference does it with
/// is_split_into_words=True.
EncodeText make_row_encoder(const Tokenizer& tokenizer, WordBounds bounds, const ReadOptions& read);

/// All that decides what such an encoder makes of a text: a part of a store's key.
std::string digest_of_encoder(const Tokenizer& tokenizer, WordBounds bounds);

/// Cuts a row's text into its words: at each kWordMark (Words::list), or at each separator, as Python's split() does
/// (Words::separated). Words may be empty where the separator is not.
void split_words(std::string_view text, const ReadOptions& read, std::vector<std::string_view>& words);

}  // namespace tekio
