// A text with one token open: whatever stands in it, what SlotDecoder makes of it is what decode() does.
#include "text/slot_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "folders.h"

namespace tekio::test {
namespace {

/// Puts up to 400 tokens, spread over the vocabulary, into the first, the second, a middle and the last place.
void expect_as_decode(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  if (ids.empty()) return;
  const auto vocabulary = static_cast<int32_t>(tokenizer.vocabulary_size());
  for (const size_t slot : {size_t{0}, size_t{1}, ids.size() / 2, ids.size() - 1}) {
    if (slot >= ids.size()) continue;
    std::vector<int32_t> others = ids;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(slot));
    for (const DecodeOptions& options :
         {DecodeOptions{}, DecodeOptions{.skip_special_tokens = true, .clean_up = true}}) {
      const SlotDecoder decoder(tokenizer, ids, slot, options);
      EXPECT_EQ(decoder.without(), tokenizer.decode(others, options));
      std::vector<int32_t> whole = ids;
      for (int32_t id = 0; id < vocabulary; id += std::max(1, vocabulary / 400)) {
        whole[slot] = id;
        ASSERT_EQ(decoder.with(id), tokenizer.decode(whole, options)) << id << " at " << slot;
      }
    }
  }
}

TEST(SlotDecoder, DecodesAsDecodeDoes) {
  for (const char* settings : {"", "\"do_lower_case\":false", "\"clean_up_tokenization_spaces\":true"}) {
    const Tokenizer tokenizer = bert(settings);
    for (const char* text : {"It isn't so , I ' m sure !", "un", "", "do not [MASK] 's"})
      expect_as_decode(tokenizer, tokenizer.encode(text).ids);
  }
}

TEST(SlotDecoder, DecodesAsDecodeDoesInEveryPipeline) {
  for (const char* name : {"pipelines.json", "bpe_pipelines.json", "unigram_pipelines.json"})
    for (const Json& one : read_json(golden(name))) {
      SCOPED_TRACE(one["json"].get<std::string>().substr(0, 2000));
      const Tokenizer tokenizer =
          load(folder({{"tokenizer.json", one["json"]},
                       {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}}));
      for (const char* text : {"Hello, it isn't 1 café", "日本 \xF0\x9F\x98\x80 ' s"})
        expect_as_decode(tokenizer, tokenizer.encode(text).ids);
    }
}

}  // namespace
}  // namespace tekio::test
