// That no answer is larger than was said beforehand, nor much smaller.
#include "serve/answer_size.h"

#include <gtest/gtest.h>
#include <tekio/dataset.h>

#include <algorithm>

#include "serve/fill_request.h"
#include "text/slot_decoder.h"

namespace tekio::serve {
namespace {

constexpr int64_t kLongest = 512;

struct Named {
  const char* name;
  Tokenizer tokenizer;
};

std::vector<Named> tokenizers() {
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i)
    texts.push_back("The \"film\" no. " + std::to_string(i) +
                    " \\ was a gr\u00e9at st\u014dry \u65e5\u672c\u8a9e \U0001f600 of\tthe city");
  const Dataset data = Dataset::from_texts(texts);
  return {{"WordPiece", Tokenizer::from_pretrained(TEKIO_EXAMPLE_MODEL)},
          {"BPE", train_byte_level_bpe(data, {.vocab_size = 600}).tokenizer},
          {"Unigram", train_unigram(data, {.vocab_size = 120}).tokenizer}};
}

/// What FillMask answers for a text, if the best are so many of the longest words.
Filled::value_type filled(const Tokenizer& tokenizer, const std::string& text, size_t words) {
  const std::vector<int32_t> ids = tokenizer.encode(text).ids;
  const bool is_only = std::ranges::count(ids, *tokenizer.mask_id()) == 1;
  std::vector<std::pair<int32_t, std::string>> tokens;
  for (int32_t id = 0; id < tokenizer.vocabulary_size(); ++id)
    tokens.emplace_back(id, tokenizer.decode(std::span(&id, 1)));
  std::ranges::stable_sort(tokens, std::greater(), [](const auto& token) { return token.second.size(); });
  tokens.resize(std::min(words, tokens.size()));
  Filled::value_type masks;
  for (size_t slot = 0; slot < ids.size(); ++slot) {
    if (ids[slot] != *tokenizer.mask_id()) continue;
    const SlotDecoder decoder(tokenizer, ids, slot, {.skip_special_tokens = is_only});
    auto& predictions = masks.emplace_back();
    for (const auto& [id, word] : tokens)
      predictions.push_back({.score = 1.17549435e-38f, .token = id, .token_str = word, .sequence = decoder.with(id)});
  }
  return masks;
}

TEST(AnswerSize, IsNoLessThanAnAnswerHas) {
  for (const auto& [name, tokenizer] : tokenizers()) {
    const AnswerSize size(tokenizer, tokenizer.vocabulary_size(), kLongest);
    const std::string mask = tokenizer.mask_token();
    for (const std::string& text :
         {mask, "a " + mask + ".", mask + std::string(220, '\\'), "\"\"\"\"\"\"" + mask + "\"\"",
          mask + std::string(100, '\x01') + "\t\n", mask + " \u65e5\u672c \ufdfa\ufdfa\ufdfa \U0001f600",
          mask + mask + "\u00e9" + mask + "\u0301", "isn't " + mask + " ' s , n't " + mask + " ?",
          mask + std::string(400, 'x')})
      for (const size_t words : {size_t{1}, size_t{5}, size_t{100'000}}) {
        if (tokenizer.encode(text).ids.size() > kLongest) continue;
        const std::string answer = answer_to({}, Filled{filled(tokenizer, text, words)});
        const uint64_t said = size(text, std::min<uint64_t>(words, static_cast<uint64_t>(tokenizer.vocabulary_size())));
        EXPECT_LE(answer.size(), said) << name << ": " << text << ", " << words;
        if (text.size() > 200) {
          EXPECT_GT(answer.size(), said / 2) << name << ": " << text << ", " << words;
        }
      }
  }
}

TEST(AnswerSize, RefusesWhatIsLongerThanTheModel) {
  const Tokenizer tokenizer = Tokenizer::from_pretrained(TEKIO_EXAMPLE_MODEL);
  const AnswerSize size(tokenizer, tokenizer.vocabulary_size(), 8);
  EXPECT_EQ(size("no mask", 5), 0u);
  try {
    size("[MASK] . . . . . .", 5);
    ADD_FAILURE();
  } catch (const Refusal& refused) {
    EXPECT_EQ(refused.status, 422);
    EXPECT_STREQ(refused.what(), "\"[MASK] . . . . . .\" has 9 tokens, but the model takes at most 8; shorten it");
  }
  EXPECT_GT(size("[MASK] . . . . .", 5), 0u);
}

}  // namespace
}  // namespace tekio::serve
