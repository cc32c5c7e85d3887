// Texts whose words are given: each is tokenized by itself, as is_split_into_words=True has it.
#pragma once

#include <tekio/tokenizer.h>

#include <span>
#include <string>

namespace tekio {

/// As Tokenizer::encode() and encode_pair(). The given words are what word_ids number, and offsets count within each.
Encoding encode_words(const Tokenizer& tokenizer, std::span<const std::string> words,
                      const EncodeOptions& options = {});
Encoding encode_word_pair(const Tokenizer& tokenizer, std::span<const std::string> first,
                          std::span<const std::string> second, const EncodeOptions& options = {});

}  // namespace tekio
