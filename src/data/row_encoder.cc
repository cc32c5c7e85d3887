// The tokenizer's own words come from the fast encoder. Offsets are known to Tokenizer::encode() alone, which is
// slower; but a store is made once.
#include "data/row_encoder.h"

#include <memory>

#include "text/text_encoder.h"

namespace tekio {
namespace {

/// transformers 5 lets a word go on where a token begins at the character at which the one before it ended.
void append_by_offsets(const Tokenizer& tokenizer, std::string_view text, std::vector<int32_t>& ids,
                       std::vector<uint8_t>& word_starts) {
  const Encoding encoding = tokenizer.encode(text);
  ids.insert(ids.end(), encoding.ids.begin(), encoding.ids.end());
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const bool is_text = encoding.special_tokens_mask[i] == 0;
    const bool is_first = i == 0 || encoding.special_tokens_mask[i - 1] != 0;
    word_starts.push_back(is_text && (is_first || encoding.offsets[i].first != encoding.offsets[i - 1].second));
  }
}

}  // namespace

EncodeText make_row_encoder(const Tokenizer& tokenizer, WordBounds words) {
  if (words == WordBounds::offsets)
    return [tokenizer](std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts) {
      append_by_offsets(tokenizer, text, ids, word_starts);
    };
  auto encoder = std::make_shared<TextEncoder>(tokenizer);
  return [encoder](std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts) {
    encoder->append(text, ids, word_starts);
  };
}

std::string digest_of_encoder(const Tokenizer& tokenizer, WordBounds words) {
  return tokenizer.digest() + (words == WordBounds::offsets ? " words by offsets" : "");
}

}  // namespace tekio
