// Options and their errors, the length warning, padding of batches, and TextEncoder where its caches matter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <random>
#include <thread>

#include "folders.h"
#include "support/log_capture.h"
#include "text/given_words.h"
#include "text/text_encoder.h"
#include "text/utf8.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(EncodeTest, OptionErrors) {
  const Tokenizer tokenizer = bert();
  const auto error = [&](const EncodeOptions& options) {
    return message_of(ErrorKind::usage, [&] { tokenizer.encode("a", options); });
  };
  EXPECT_THAT(error({.max_length = 1}),
              HasSubstr("max_length must leave room for the 2 tokens of the template, got 1"));
  EXPECT_THAT(error({.add_special_tokens = false, .max_length = -1}), HasSubstr("got -1"));
  EXPECT_THAT(error({.pad_to_length = -1}), HasSubstr("pad_to_length must lie in"));
  EXPECT_THAT(error({.pad_to_multiple_of = 0}), HasSubstr("pad_to_multiple_of must lie in"));
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { tokenizer.encode_pair("a", "b", {.max_length = 2}); }),
              HasSubstr("3 tokens of the template"));
  EXPECT_THAT(message_of(ErrorKind::usage,
                         [&] {
                           tokenizer.decode(std::vector{5, -100});
                         }),
              HasSubstr("cannot decode the id -100"));
  EXPECT_THAT(tokenizer.encode("a", {.max_length = 2}).ids, ElementsAre(2, 3));
}

TEST(EncodeTest, PaddingABatch) {
  const Tokenizer tokenizer = bert();
  std::vector<Encoding> batch = {tokenizer.encode("a b c"), tokenizer.encode("")};
  tokenizer.pad(batch);
  EXPECT_EQ(batch[1].ids, (std::vector{2, 3, 0, 0, 0}));
  EXPECT_EQ(batch[1].attention_mask, (std::vector<uint8_t>{1, 1, 0, 0, 0}));
  EXPECT_EQ(batch[1].special_tokens_mask, (std::vector<uint8_t>{1, 1, 1, 1, 1}));
  EXPECT_EQ(batch[1].word_ids, (std::vector{-1, -1, -1, -1, -1}));
  tokenizer.pad(batch, {.pad_to_multiple_of = 4, .pad_left = true});
  EXPECT_EQ(batch[0].ids.size(), 8u);
  EXPECT_EQ(batch[0].ids[2], 0);
  EXPECT_EQ(batch[0].ids[3], 2);
  std::vector<Encoding> none;
  tokenizer.pad(none);

  const Tokenizer without =
      load(folder({{"tokenizer.json", R"({"model":{"type":"WordPiece","vocab":{"a":0}}})"},
                   {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}}));
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { without.encode("a", {.pad_to_length = 3}); }),
              HasSubstr("the tokenizer has no padding token"));
  EXPECT_EQ(without.encode("a", {.pad_to_length = 1}).ids.size(), 1u);
}

TEST(EncodeTest, GivenWordsAreTokenizedOneByOne) {
  const Tokenizer tokenizer = bert();
  const std::vector<std::string> words = {"unbelievable", "", "a movie", "[MASK]"}, more = {"good"};
  const Encoding e = encode_words(tokenizer, words);
  std::vector<int32_t> ids = {2}, of_words = {Encoding::kNoWord};
  std::vector<std::pair<int32_t, int32_t>> offsets = {{0, 0}};
  for (size_t i = 0; i < words.size(); ++i) {
    const Encoding alone = tokenizer.encode(words[i], {.add_special_tokens = false});
    ids.insert(ids.end(), alone.ids.begin(), alone.ids.end());
    offsets.insert(offsets.end(), alone.offsets.begin(), alone.offsets.end());
    of_words.resize(ids.size(), static_cast<int32_t>(i));
  }
  ids.push_back(3), offsets.emplace_back(0, 0), of_words.push_back(Encoding::kNoWord);
  EXPECT_EQ(e.ids, ids);
  EXPECT_EQ(e.word_ids, of_words);
  EXPECT_EQ(e.offsets, offsets);

  const Encoding pair = encode_word_pair(tokenizer, words, more, {.max_length = 8, .pad_to_length = 10});
  EXPECT_EQ(pair.ids.size(), 10u);
  EXPECT_EQ(std::count(pair.attention_mask.begin(), pair.attention_mask.end(), 1), 8);
  EXPECT_EQ(pair.word_ids[6], 0) << "the second text's words are numbered anew";
  EXPECT_EQ(pair.type_ids[6], 1);
  EXPECT_EQ(encode_words(tokenizer, {}).ids, (std::vector{2, 3}));
}

TEST(EncodeTest, LengthWarningOnce) {
  Tokenizer tokenizer = bert("\"model_max_length\":4");
  const auto said = [&](const Tokenizer& t, std::string_view text, const EncodeOptions& options = {}) {
    const LogCapture log;
    t.encode(text, options);
    return log.text();
  };
  EXPECT_EQ(said(tokenizer, "a b c"), "");  // off by default
  tokenizer.set_length_warning(true);
  EXPECT_EQ(said(tokenizer, "a b"), "");
  EXPECT_EQ(said(tokenizer, "a b c d", {.max_length = 6}), "");
  EXPECT_EQ(said(tokenizer, "a b c"),
            "warning: Token indices sequence length is longer than the specified maximum sequence length for this "
            "model (5 > 4). "
            "Running this sequence through the model will result in indexing errors\n");
  EXPECT_EQ(said(tokenizer, "a b c"), "");
  EXPECT_EQ(said(Tokenizer(tokenizer), "a b c"), "");  // copies share the flag
}

TEST(EncodeTest, InvalidUtf8IsReplacedByMaximalParts) {
  std::string storage;
  EXPECT_EQ(sanitize("a\xc3\xa9", storage), "a\xc3\xa9");
  EXPECT_EQ(sanitize("\xff", storage), "\xef\xbf\xbd");
  EXPECT_EQ(sanitize("\xe2\x82x", storage), "\xef\xbf\xbdx");
  EXPECT_EQ(sanitize("\xed\xa0\x80", storage), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(sanitize("\xf4\x90\xc3", storage), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(sanitize("\xf0\x9f\x98", storage), "\xef\xbf\xbd");
  const Encoding e = bert().encode(
      "\xe2\x82 a\xff"
      "b");  // offsets count the replacement characters
  EXPECT_THAT(e.offsets, ElementsAre(std::pair(0, 0), std::pair(2, 5), std::pair(0, 0)));
}

// The same as encode(), whatever the cache has seen: texts that differ in the bytes around regions, NULs among them.
TEST(TextEncoderTest, EqualsEncodeOnRandomRegions) {
  const Tokenizer tokenizer = bert();
  TextEncoder encoder(tokenizer);
  std::mt19937 random(1);
  const std::vector<std::string> parts = {
      "a",    "b",  "good",   "movie",  "unbelievable", "é",    "日",     std::string(1, '\0'),
      " ",    ".",  "[MASK]", "\n",     "\t",           "\x0b", "x",      "0",
      "ness", "##", "🎬",      "\u0301", "한",           "—",    "\u3000", "A",
      "Z"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (auto n = random() % 14; n > 0; --n) text += parts[random() % parts.size()];
    const Encoding expected = tokenizer.encode(text);
    std::vector<int32_t> ids{7};
    std::vector<uint8_t> starts{9};
    encoder.append(text, ids, starts);  // appends
    ASSERT_EQ(ids.size(), expected.ids.size() + 1) << text;
    ASSERT_EQ(starts.size(), ids.size());
    ASSERT_TRUE(std::equal(expected.ids.begin(), expected.ids.end(), ids.begin() + 1)) << text;
    for (size_t i = 0; i < expected.ids.size(); ++i)
      ASSERT_EQ(starts[i + 1],
                expected.word_ids[i] >= 0 && (i == 0 || expected.word_ids[i] != expected.word_ids[i - 1]))
          << text;
  }
}

TEST(TextEncoderTest, ManyDistinctRegionsOverrunTheCaches) {
  const Tokenizer tokenizer = bert();
  TextEncoder encoder(tokenizer);
  std::string text;
  for (int i = 0; i < 150000; ++i) {
    text += "q" + std::to_string(i) + " ";
    if (i % 4 == 0) text += "longer-than-one-block" + std::to_string(i) + "éééééééééé ";
  }
  const Encoding expected = tokenizer.encode(text);
  for (int round = 0; round < 2; ++round) {
    std::vector<int32_t> ids;
    std::vector<uint8_t> starts;
    encoder.append(text, ids, starts);
    ASSERT_EQ(ids, expected.ids);
  }
}

TEST(TextEncoderTest, EveryLengthAndEnd) {
  const Tokenizer tokenizer = bert();
  TextEncoder encoder(tokenizer);
  for (size_t before = 0; before < 40; ++before)
    for (size_t length = 0; length < 40; ++length)
      for (const char* end : {"", " ", ".", "é"}) {
        const std::string text = std::string(before, ' ') + std::string(length, 'a') + end;
        const std::string exact(text.data(), text.size());  // the sanitizer sees reads beyond it
        std::vector<int32_t> ids;
        std::vector<uint8_t> starts;
        encoder.append(exact, ids, starts);
        ASSERT_EQ(ids, tokenizer.encode(exact).ids) << before << ' ' << length;
      }
}

TEST(TextEncoderTest, ThrowsWhereEncodeThrowsAndGoesOn) {
  const Tokenizer tokenizer = load(folder(
      {{"tokenizer.json",
        R"({"model":{"type":"WordPiece","vocab":{"a":0,"b":1}},"pre_tokenizer":{"type":"BertPreTokenizer"}})"}}));
  TextEncoder encoder(tokenizer);
  std::vector<int32_t> ids;
  std::vector<uint8_t> starts;
  EXPECT_THAT(message_of(ErrorKind::input, [&] { encoder.append("a c", ids, starts); }),
              HasSubstr("lacks the unknown token"));
  EXPECT_THAT(message_of(ErrorKind::input, [&] { encoder.append("a.", ids, starts); }),
              HasSubstr("lacks the unknown token"));
  ids.clear();
  starts.clear();
  encoder.append("b a", ids, starts);
  EXPECT_THAT(ids, ElementsAre(1, 0));
}

// Two GiB that are promised and never touched: the length alone is refused.
TEST(TextEncoderTest, RefusesTextsThatAreTooLong) {
  const size_t size = size_t{1} << 31;
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const std::string_view text(static_cast<const char*>(memory), size);
  const Tokenizer tokenizer = bert();
  const std::string expected = "a text of 2147483648 bytes is too long: at most 2147483647";
  EXPECT_EQ(message_of(ErrorKind::input, [&] { tokenizer.encode(text); }), expected);
  std::vector<int32_t> ids;
  std::vector<uint8_t> starts;
  EXPECT_EQ(message_of(ErrorKind::input, [&] { TextEncoder(tokenizer).append(text, ids, starts); }), expected);
  ::munmap(memory, size);
}

TEST(TextEncoderTest, ThreadsShareATokenizer) {
  const Tokenizer tokenizer = bert();
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "The film was Unbelievable" + std::to_string(i % 37) + ", naïve! ";
  const std::vector<int32_t> expected = tokenizer.encode(text).ids;
  std::vector<std::vector<int32_t>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&] {
      TextEncoder encoder(tokenizer);
      std::vector<uint8_t> starts;
      encoder.append(text, result, starts);
      EXPECT_EQ(tokenizer.encode(text).ids, result);
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace tekio::test
