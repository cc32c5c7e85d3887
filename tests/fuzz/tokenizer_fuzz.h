// What both tokenizer targets do with a folder that opens: use the tokenizer in every way, and abort where two ways
// that must agree do not.
#pragma once

#include <tekio/tokenizer.h>

#include <string>
#include <string_view>
#include <vector>

#include "fuzz.h"
#include "text/given_words.h"
#include "text/text_encoder.h"

namespace tekio::fuzz {

/// `own`: part of the input, a text that holds the vocabulary's own words.
inline void exercise_tokenizer(const std::string& folder, std::string_view own) {
  const Tokenizer tokenizer = Tokenizer::from_pretrained(folder);
  TextEncoder encoder(tokenizer);
  const std::string_view mixed = "The film [MASK] n\xc3\xa4ive \xed\x95\x9c\xff, \xe6\x97\xa5 don't \xcc\x81.";
  for (const std::string_view text : {mixed, own.substr(0, 300)}) {
    const Encoding encoding = tokenizer.encode(text);
    std::vector<int32_t> ids;
    std::vector<uint8_t> starts;
    encoder.append(text, ids, starts);
    if (ids != encoding.ids || starts.size() != ids.size()) std::abort();
    tokenizer.decode(ids, {.skip_special_tokens = true, .clean_up = true});
    if (tokenizer.encode_pair(text, mixed, {.max_length = 1000}).ids.size() > 1000) std::abort();
    const std::vector<std::string> words = {std::string(text), "", std::string(mixed)};
    std::vector<std::string_view> views(words.begin(), words.end());
    ids.clear(), starts.clear();
    encoder.append(views, ids, starts);
    if (encode_words(tokenizer, words).ids != ids) std::abort();
  }
  const std::string saved = folder + "/saved";
  tokenizer.save_pretrained(saved);
  if (Tokenizer::from_pretrained(saved).digest() != tokenizer.digest()) std::abort();
}

}  // namespace tekio::fuzz
