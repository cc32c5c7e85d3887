// Single steps of pipelines: what they look for, their limits, and whole Unicode against the reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "folders.h"
#include "text/normalizer.h"
#include "text/pattern.h"
#include "text/pre_tokenizer.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include "text/vocabulary.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using Pairs = std::vector<std::pair<size_t, size_t>>;

Pairs matches(const Pattern& pattern, std::string_view text) {
  std::vector<Pattern::Match> found;
  pattern.find(text, found);
  Pairs pairs;
  for (const Pattern::Match& match : found) pairs.emplace_back(match.begin, match.end);
  return pairs;
}
Pairs regex(const char* pattern, std::string_view text) { return matches(Pattern::regex(pattern, "here"), text); }

TEST(PatternTest, StringsAreWhatTheyAre) {
  EXPECT_EQ(matches(Pattern::string("a."), "a.aXa."), (Pairs{{0, 2}, {4, 6}}));
  EXPECT_EQ(matches(Pattern::string("aa"), "aaaaa"), (Pairs{{0, 2}, {2, 4}}));
  EXPECT_EQ(matches(Pattern::string("x"), "abc"), Pairs{});
  EXPECT_EQ(matches(Pattern::string(""), "é"), (Pairs{{0, 0}, {2, 2}}));
}

TEST(PatternTest, ExpressionsAreOnigurumas) {
  EXPECT_EQ(regex("\\d+", "a12b3"), (Pairs{{1, 3}, {4, 5}}));
  EXPECT_EQ(regex("x*", "axb"), (Pairs{{0, 0}, {1, 2}, {3, 3}}));  // none where the one before ends
  EXPECT_EQ(regex("\\b", "a b"), (Pairs{{0, 0}, {1, 1}, {2, 2}, {3, 3}}));
  EXPECT_EQ(regex("^", "a\nb"), (Pairs{{0, 0}, {2, 2}}));  // lines, as in Ruby
  EXPECT_EQ(regex("\\p{Han}+", "a日本b"), (Pairs{{1, 7}}));
  EXPECT_EQ(regex("(?i)É", "é"), (Pairs{{0, 2}}));
  EXPECT_EQ(regex("(?<=a)b|c(?=d)", "abcd"), (Pairs{{1, 2}, {2, 3}}));
}

// Whatever the library's version takes for it, symbols are among [:punct:].
TEST(PatternTest, PunctuationOfPosixHasSymbols) {
  EXPECT_EQ(regex("[[:punct:]]", "a+.€"), (Pairs{{1, 2}, {2, 3}, {3, 6}}));
  EXPECT_EQ(regex("[[:^punct:]]", "a+.€b"), (Pairs{{0, 1}, {6, 7}}));
  EXPECT_EQ(regex("[^a[:punct:]x]", "a+b"), (Pairs{{2, 3}}));
  EXPECT_EQ(regex("\\[:punct:]", "[:punct:]"), (Pairs{{0, 9}}));
  EXPECT_EQ(regex("[\\]:punct:]+", "x]:pun"), (Pairs{{1, 6}}));
}

TEST(PatternTest, WhatIsNoExpressionIsRefused) {
  const auto message = [](const std::string& pattern) {
    return message_of(ErrorKind::input, [&] { Pattern::regex(pattern, "tokenizer.json: normalizer"); });
  };
  EXPECT_THAT(message("(a"),
              AllOf(HasSubstr("tokenizer.json: normalizer: (a is not a regular expression"), HasSubstr("parenthesis")));
  EXPECT_THAT(message("\\p{Nonsense}"), HasSubstr("is not a regular expression"));
  EXPECT_THAT(message(std::string(5000, 'a')), HasSubstr("5000 bytes is too long"));
}

TEST(PatternTest, EndlessSearchesEnd) {
  const Pattern hostile = Pattern::regex("(?:a|aa)+c", "here");
  std::vector<Pattern::Match> found;
  EXPECT_THAT(message_of(ErrorKind::input, [&] { hostile.find(std::string(200, 'a') + "bc", found); }),
              HasSubstr("cannot be looked for in this text"));
}

TEST(NormalizerTest, StepsThatMultiplyATextEnd) {
  std::vector<NormalizationStep> steps(4, ReplaceNormalization{Pattern::string("a"), std::string(100, 'a')});
  const Normalizer normalizer(steps);
  EXPECT_THAT(message_of(ErrorKind::input, [&] { normalizer.apply(std::string(10, 'a')); }),
              AllOf(HasSubstr("Replace"), HasSubstr("of a text of 10")));
}

// What the reference (tokenizers 0.23.3) makes of texts that begin with what was put in place of an empty match.
TEST(NormalizerTest, StepsBehindAnEmptyMatchAtTheBeginning) {
  const auto put = [](const char* content) { return ReplaceNormalization{Pattern::regex("^", "here"), content}; };
  const auto result = [](const std::vector<NormalizationStep>& steps, std::string_view bytes) {
    AlignedText text;
    append_aligned(bytes, 0, text);
    Normalizer(steps).apply(text, 0);
    std::string characters;
    Pairs places;
    for (const AlignedChar& a : text) {
      append_utf8(characters, a.c);
      places.emplace_back(a.begin, a.end);
    }
    return std::pair(characters, places);
  };
  const UnicodeNormalization nfc{UnicodeForm::nfc};
  const StripNormalization strip;
  EXPECT_EQ(result({put("-"), nfc}, "ae\u0301"),
            std::pair(std::string("--a\u00e9"), Pairs{{0, 0}, {0, 1}, {1, 2}, {2, 3}}));
  EXPECT_EQ(result({put("-"), StripAccentsNormalization{}}, "a\u0301b\u0301"),
            std::pair(std::string("--ab"), Pairs{{0, 0}, {0, 1}, {1, 2}, {3, 4}}));
  EXPECT_EQ(result({put("-"), strip}, " a "), std::pair(std::string("-- a"), Pairs{{0, 0}, {0, 1}, {1, 2}, {2, 3}}));
  EXPECT_EQ(result({put("-"), strip}, " a"), std::pair(std::string("- a"), Pairs{{0, 0}, {0, 1}, {1, 2}}));
  EXPECT_EQ(result({put("--"), strip}, "abc   "),
            std::pair(std::string("----abc"), Pairs{{0, 0}, {0, 0}, {0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}}));
  EXPECT_EQ(result({put(" "), strip}, "  a "), std::pair(std::string(" a"), Pairs{{0, 0}, {3, 4}}));
  EXPECT_EQ(result({put("-"), put("-"), strip}, "ab  "),
            std::pair(std::string("----ab"), Pairs{{0, 0}, {0, 0}, {0, 1}, {1, 2}, {2, 3}, {3, 4}}));
  // There the reference panics.
  EXPECT_EQ(result({put("--"), strip}, "a "), std::pair(std::string("--a"), Pairs{{0, 0}, {0, 0}, {0, 1}}));
  EXPECT_EQ(result({put("-"), LowercaseNormalization{}}, "AB"),
            std::pair(std::string("-ab"), Pairs{{0, 0}, {0, 1}, {1, 2}}));
}

// A word of nothing else is written once more, in its own characters.
TEST(PreTokenizerTest, BytesOfAnEmptyMatchAtTheBeginning) {
  const auto words = [](const char* pattern, const char* content, bool adds_space, std::string_view bytes) {
    AlignedText text;
    append_aligned(bytes, 0, text);
    Normalizer({ReplaceNormalization{Pattern::regex(pattern, "here"), content}}).apply(text, 0);
    ByteLevelPreTokenization step;
    step.add_prefix_space = adds_space;
    PreTokenizedText cut;
    PreTokenizer({step}).split(text, {0, text.size()}, cut);
    std::vector<std::string> all;
    for (const Split& split : cut.splits) {
      all.emplace_back();
      for (const AlignedChar& a : cut.of(split)) append_utf8(all.back(), a.c);
    }
    return all;
  };
  EXPECT_THAT(words("\\b", "[", false, "na\u00efve "), ElementsAre("[[", "na\u00c3\u00afve", "[", "\u0120"));
  EXPECT_THAT(words("^", "\u00e9", true, "!"), ElementsAre("\u0120\u00c3\u00a9 \u00e9", "!"));
  EXPECT_THAT(words("^", "\u00e9", false, "a"), ElementsAre("\u00c3\u00a9a"));
}

TEST(NormalizerTest, OnlyWhatLooksNowhereElseIsLocal) {
  const auto local = [](NormalizationStep step) { return Normalizer({std::move(step)}).is_local(); };
  EXPECT_TRUE(local(BertNormalization{}));
  EXPECT_TRUE(local(UnicodeNormalization{UnicodeForm::nfd}));
  EXPECT_FALSE(local(UnicodeNormalization{UnicodeForm::nfc}));  // "=" and U+0338 become one
  EXPECT_FALSE(local(StripNormalization{}));
  EXPECT_FALSE(local(ReplaceNormalization{Pattern::string("a"), "b"}));
}

// FNV-1a of all of Unicode, as the golden file has it.
std::string hash(std::string_view text) {
  return fmt::format("{:016x}", Vocabulary::hash(Vocabulary::kHashStart, text));
}

template <typename Use>
void for_each_code_point(Use&& use) {
  for (char32_t c = 0; c < 0x110000; ++c)
    if (c < 0xD800 || c >= 0xE000) use(c);
}

TEST(UnicodeTest, FormsOfEveryCodePoint) {
  const Json golden_hashes = read_json(golden("forms.json"))[0];
  for (const auto& [name, form] : {std::pair("NFC", UnicodeForm::nfc), std::pair("NFD", UnicodeForm::nfd),
                                   std::pair("NFKC", UnicodeForm::nfkc), std::pair("NFKD", UnicodeForm::nfkd)}) {
    const Normalizer normalizer({UnicodeNormalization{form}});
    std::string all;
    for_each_code_point([&](char32_t c) {
      if (c > 0) all += '\n';
      std::string one;
      append_utf8(one, c);
      all += normalizer.apply(one);
    });
    EXPECT_EQ(hash(all), golden_hashes[name].get<std::string>()) << name;
  }
}

TEST(UnicodeTest, ScriptsAndNumbersOfEveryCodePoint) {
  const Json golden_hashes = read_json(golden("forms.json"))[0];
  AlignedText text;
  int32_t count = 0;
  for_each_code_point([&](char32_t c) { text.push_back({c, count, count + 1}), ++count; });
  for (const auto& [name, step] : {std::pair<const char*, PreTokenizerStep>("UnicodeScripts", ScriptSplitting{}),
                                   std::pair<const char*, PreTokenizerStep>("Digits", DigitSplitting{})}) {
    PreTokenizedText cut;
    PreTokenizer({step}).split(text, {0, text.size()}, cut);
    std::string begins;
    for (const Split& split : cut.splits) begins += (begins.empty() ? "" : " ") + std::to_string(split.begin);
    EXPECT_EQ(hash(begins), golden_hashes[name].get<std::string>()) << name;
  }
}

// Whatever the library's version: letters and numbers are those of the reference's.
TEST(UnicodeTest, PatternsKnowEveryLetterAndNumber) {
  std::string text;
  for_each_code_point([&](char32_t c) { append_utf8(text, c); });
  const auto count = [&](const char* pattern, int flag) {
    std::vector<Pattern::Match> matches;
    Pattern::regex(pattern, "test").find(text, matches);
    size_t right = 0;
    for (const Pattern::Match& match : matches) {
      const char* at = text.data() + match.begin;
      right += unicode::is(decode_utf8(at), flag);
    }
    return std::pair(right, matches.size());
  };
  size_t letters = 0, numbers = 0, all = 0;
  for_each_code_point([&](char32_t c) {
    letters += unicode::is(c, unicode::kLetter), numbers += unicode::is(c, unicode::kNumber), ++all;
  });
  EXPECT_EQ(letters, 141028u);
  for (const char* pattern : {"\\p{L}", "[x\\p{L}]"}) EXPECT_EQ(count(pattern, unicode::kLetter).first, letters);
  for (const char* pattern : {"\\p{N}", "[1\\p{N}]"}) EXPECT_EQ(count(pattern, unicode::kNumber).first, numbers);
  EXPECT_EQ(count("\\P{L}", unicode::kLetter).first, 0u);
  EXPECT_EQ(count("[^\\p{N}]", unicode::kNumber).first, 0u);
  EXPECT_EQ(count("[\\P{N}\\P{L}]", unicode::kNumber).second, all);
}

std::string generic(const std::string& members) {
  return R"({"version":"1.0","model":{"type":"WordPiece","vocab":{"[UNK]":0,"a":1}},)" + members + "}";
}

TEST(StepTest, WhatIsMissingOrWrongIsNamed) {
  const auto message = [](const std::string& members) {
    return message_of(ErrorKind::input, [&] { load(folder({{"tokenizer.json", generic(members)}})); });
  };
  EXPECT_THAT(message(R"("normalizer":{"type":"Nmt"})"),
              AllOf(HasSubstr("normalizer: the type Nmt is not supported"), HasSubstr("NFKC")));
  EXPECT_THAT(message(R"("pre_tokenizer":{"type":"FixedLength"})"),
              AllOf(HasSubstr("FixedLength is not supported"), HasSubstr("UnicodeScripts")));
  EXPECT_THAT(message(R"("normalizer":{"type":"Replace","content":"b"})"), HasSubstr("\"pattern\" is missing"));
  EXPECT_THAT(message(R"("normalizer":{"type":"Replace","pattern":{"String":"a"}})"),
              HasSubstr("\"content\" is missing"));
  EXPECT_THAT(message(R"("normalizer":{"type":"Replace","pattern":{},"content":"b"})"), HasSubstr("String or Regex"));
  EXPECT_THAT(message(R"("normalizer":{"type":"Replace","pattern":"a","content":"b"})"),
              HasSubstr("expected a JSON object"));
  EXPECT_THAT(message(R"("normalizer":{"type":"Replace","pattern":{"Regex":"(a"},"content":"b"})"),
              HasSubstr("(a is not a regular expression"));
  EXPECT_THAT(message(R"("normalizer":{"type":"Prepend"})"), HasSubstr("\"prepend\" is missing"));
  EXPECT_THAT(message(R"("pre_tokenizer":{"type":"Split","pattern":{"String":"a"}})"),
              HasSubstr("\"behavior\" is missing"));
  EXPECT_THAT(message(R"("pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"Gone"})"),
              HasSubstr("MergedWithNext"));
  EXPECT_THAT(message(R"("pre_tokenizer":{"type":"CharDelimiterSplit","delimiter":"ab"})"), HasSubstr("one character"));
}

TEST(StepTest, AnErrorInASearchReachesTheCaller) {
  const Tokenizer tokenizer = load(folder(
      {{"tokenizer.json",
        generic(R"("pre_tokenizer":{"type":"Split","pattern":{"Regex":"(?:a|aa)+c"},"behavior":"Isolated"})")}}));
  EXPECT_THAT(message_of(ErrorKind::input, [&] { tokenizer.encode(std::string(200, 'a') + "bc"); }),
              HasSubstr("cannot be looked for"));
  EXPECT_THAT(tokenizer.encode("a").ids, ElementsAre(1));
}

}  // namespace
}  // namespace tekio::test
