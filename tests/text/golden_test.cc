// Encodings frozen from the reference (scripts/golden/make_tokenizer_golden.py): encode() and TextEncoder against them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "encodings.h"
#include "folders.h"
#include "support/large_data.h"
#include "text/text_encoder.h"

namespace tekio::test {
namespace {

using testing::ElementsAreArray;

void check_file(const Tokenizer& tokenizer, const char* name) {
  TextEncoder encoder(tokenizer);
  const Json cases = read_json(golden(name));
  ASSERT_GT(cases.size(), 250u);
  for (const Json& one : cases) {
    const std::string text = from_hex(one["text"]);
    const Encoding got = tokenizer.encode(text);
    expect_equal(got, one, one["text"]);
    expect_encoder_agrees(encoder, text, got);
  }
}

TEST(GoldenTest, Uncased) { check_file(bert(), "uncased.json"); }
TEST(GoldenTest, Cased) { check_file(bert("\"do_lower_case\":false"), "cased.json"); }

TEST(GoldenTest, PairsTruncationPadding) {
  const Tokenizer tokenizer = bert();
  const Json cases = read_json(golden("options.json"))[0]["encode"];
  ASSERT_GT(cases.size(), 100u);
  for (const Json& one : cases) {
    const auto number = [&](const char* key) {
      return one[key].is_null() ? std::nullopt : std::optional(one[key].get<int64_t>());
    };
    const EncodeOptions options{.add_special_tokens = one["special"],
                                .max_length = number("length"),
                                .truncate_left = one["left"],
                                .pad_to_length = number("pad"),
                                .pad_to_multiple_of = number("multiple"),
                                .pad_left = one["left"]};
    const std::string first = one["first"];
    const Encoding got = one["second"].is_null()
                             ? tokenizer.encode(first, options)
                             : tokenizer.encode_pair(first, one["second"].get<std::string>(), options);
    expect_equal(got, one, one.dump());
    EXPECT_EQ(got.type_ids, one["types"].get<std::vector<int32_t>>()) << one;
    EXPECT_EQ(got.special_tokens_mask, one["mask"].get<std::vector<uint8_t>>()) << one;
    EXPECT_EQ(got.attention_mask, one["attention"].get<std::vector<uint8_t>>()) << one;
  }
}

TEST(GoldenTest, Decoding) {
  const Tokenizer tokenizer = bert();
  const Json cases = read_json(golden("options.json"))[1]["decode"];
  ASSERT_GT(cases.size(), 20u);
  for (const Json& one : cases) {
    DecodeOptions options{.skip_special_tokens = one["skip"]};
    if (!one["clean"].is_null()) options.clean_up = one["clean"].get<bool>();
    EXPECT_EQ(tokenizer.decode(one["ids"].get<std::vector<int32_t>>(), options), one["text"].get<std::string>()) << one;
  }
}

void check_pipelines(const char* name, size_t count) {
  const Json cases = read_json(golden(name));
  ASSERT_EQ(cases.size(), count);
  for (const Json& one : cases) {
    const Tokenizer tokenizer =
        load(folder({{"tokenizer.json", one["json"]},
                     {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}}));
    SCOPED_TRACE(one["json"].get<std::string>().substr(0, 4000));
    expect_as_golden(tokenizer, one, "a b", "c");
  }
}

TEST(GoldenTest, OtherPipelinesAndAddedTokens) { check_pipelines("pipelines.json", 35); }
TEST(GoldenTest, PipelinesWithBpe) { check_pipelines("bpe_pipelines.json", 12); }
TEST(GoldenTest, PipelinesWithUnigram) { check_pipelines("unigram_pipelines.json", 12); }

// What the reference makes of texts that are easily cut wrongly (control characters, blocks at the edge of CJK, special
// tokens' names in another case): texts of which the small vocabulary here makes what bert-base-uncased's makes.
TEST(VectorTest, TokensOfStrangeTexts) {
  const Tokenizer tokenizer = bert();
  const std::vector<std::pair<std::string, std::vector<std::string>>> vectors = {
      {"a [MASK] b [mask] c [SEP]x", {"a", "[MASK]", "b", "[", "mask", "]", "c", "[SEP]", "x"}},
      {"a\x0b"
       "b",
       {"ab"}},
      {"a\x0c"
       "b",
       {"ab"}},
      {"a\x1c"
       "b",
       {"ab"}},
      {"a\u0085b", {"ab"}},
      {"a\u200bb", {"ab"}},
      {"a\u180eb", {"ab"}},
      {"a\ue001b", {"ab"}},
      {std::string("a\0b", 3), {"ab"}},
      {"a\ufffdb", {"ab"}},
      {"a\u2028b\u00a0c", {"a", "b", "c"}},
      {"a\u2e43b", {"[UNK]"}},
      {"a\u2e42b", {"a", "[UNK]", "b"}},
      {"a\u166db", {"a", "[UNK]", "b"}},
      {"a\u0378b", {"[UNK]"}},
      {"한국", {"ᄒ", "##ᅡ", "##ᆫ", "##ᄀ", "##ᅮ", "##ᆨ"}},
      {"テスト", {"テ", "##ス", "##ト"}},
      {"a\U0002B820b", {"[UNK]"}},
      {"a\U0002B73Fb", {"a", "[UNK]", "b"}},
      {"a\U0002B920b", {"a", "[UNK]", "b"}},
      {"İstanbul", {"istanbul"}},
      {"Ünïcödé Café", {"unicode", "cafe"}},
      {"ΣΑΣ", {"σ", "##α", "##σ"}},
      {"good 😀 movie", {"good", "[UNK]", "movie"}},
      {std::string(101, 'a'), {"[UNK]"}},
      {"e×f", {"e", "##×", "##f"}},
      {"good.<br />Bad", {"good", ".", "<", "br", "/", ">", "bad"}},
      {"", {}},
  };
  for (const auto& [text, expected] : vectors)
    EXPECT_THAT(tokens_of(tokenizer, text), ElementsAreArray(expected)) << text;
  EXPECT_THAT(tokenizer.encode("[MASK][MASK] x[MASK]y", {.add_special_tokens = false}).word_ids,
              ElementsAreArray({0, 1, 2, 3, 4}));
}

// The real vocabulary, where it is at hand.
TEST(VectorTest, RealVocabulary) {
  const auto data = large_data();
  if (!data) GTEST_SKIP() << kNoLargeData;
  const Tokenizer tokenizer = load(*data / "tokenizers/distilbert-base-uncased");
  EXPECT_EQ(tokenizer.vocabulary_size(), 30522);
  EXPECT_EQ(tokenizer.model_max_length(), 512);
  EXPECT_THAT(tokenizer.encode("This is a great [MASK].").ids,
              ElementsAreArray({101, 2023, 2003, 1037, 2307, 103, 1012, 102}));
  EXPECT_THAT(tokens_of(tokenizer, "5€ e×f"), ElementsAreArray({"5", "##€", "e", "##×", "##f"}));
  EXPECT_THAT(tokenizer.all_special_ids(), ElementsAreArray({0, 100, 101, 102, 103}));
}

}  // namespace
}  // namespace tekio::test
