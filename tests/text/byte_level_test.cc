// Byte-level BPE: RoBERTa's classes against golden files (scripts/golden/make_byte_level_golden.py), GPT-2's pattern
// against a plain reading of it, merging against the plain rule.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "encodings.h"
#include "folders.h"
#include "text/byte_level_scanner.h"
#include "text/models/merge_table.h"
#include "text/unicode.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

void expect_all_as_golden(const Tokenizer& tokenizer, const Json& one) {
  expect_as_golden(tokenizer, one, "The film", " a <mask>");
  for (const Json& cut : one["cut"]) {
    const Encoding got = tokenizer.encode("  The film wasn't <mask> bad  ",
                                          {.max_length = cut["length"].get<int64_t>(), .truncate_left = cut["left"]});
    std::vector<int32_t> offsets;
    for (const auto& [begin, end] : got.offsets) offsets.insert(offsets.end(), {begin, end});
    EXPECT_EQ(offsets, cut["offsets"].get<std::vector<int32_t>>()) << cut;
  }
  expect_special_tokens_as_golden(tokenizer, one);
}

TEST(ByteLevelTest, FoldersOfItsClasses) {
  const Json cases = read_json(golden("byte_level.json"));
  ASSERT_EQ(cases.size(), 7u);
  for (const Json& one : cases) {
    SCOPED_TRACE(one["files"].dump().substr(0, 300));
    const Tokenizer tokenizer = load(folder_of(one["files"]));
    expect_all_as_golden(tokenizer, one);
    const fs::path saved = fresh_folder();
    tokenizer.save_pretrained(saved);
    EXPECT_EQ(load(saved).digest(), tokenizer.digest());
    expect_all_as_golden(load(saved), one);
  }
}

TEST(ByteLevelTest, WhatIsSaved) {
  const Json cases = read_json(golden("byte_level.json"));
  for (size_t i = 0; i < 3; ++i) {
    const fs::path given = folder_of(cases[i]["files"]), saved = fresh_folder();
    load(given).save_pretrained(saved);
    EXPECT_EQ(read_text(saved / "merges.txt"), read_text(given / "merges.txt"));
    EXPECT_EQ(read_json(saved / "vocab.json"), read_json(given / "vocab.json"));
    const Json config = read_json(saved / "tokenizer_config.json");
    EXPECT_EQ(config["tokenizer_class"], "RobertaTokenizer");
    EXPECT_EQ(config["add_prefix_space"], i > 0);
    EXPECT_EQ(config["trim_offsets"], i < 2);
    const Json json = read_json(saved / "tokenizer.json");
    EXPECT_EQ(json["post_processor"]["type"], i < 2 ? "RobertaProcessing" : "TemplateProcessing");
    EXPECT_EQ(json["added_tokens"][4]["lstrip"], i > 0);
    // Without tokenizer.json, the other files say the same.
    fs::remove(saved / "tokenizer.json");
    EXPECT_EQ(load(saved).digest(), load(given).digest());
  }
  // Merges that lines cannot hold stay in tokenizer.json.
  const fs::path saved = fresh_folder();
  load(folder(
           {{"tokenizer.json", R"({"model":{"type":"BPE","vocab":{"a b":0,"c":1,"a bc":2},"merges":[["a b","c"]]}})"}}))
      .save_pretrained(saved);
  EXPECT_FALSE(fs::exists(saved / "merges.txt"));
  EXPECT_FALSE(fs::exists(saved / "vocab.json"));
  EXPECT_THAT(tokens_of(load(saved), "c"), ElementsAre("c"));
}

TEST(ByteLevelTest, WordsBeginWhereTheModelIsToldSo) {
  const Json one = read_json(golden("byte_level.json"))[0];
  const Tokenizer tokenizer = load(folder_of(one["files"]));
  EXPECT_THAT(tokenizer.encode("The film's <mask>!", {.add_special_tokens = false}).word_ids,
              testing::Each(testing::Ge(0)));
  EXPECT_EQ(tokenizer.template_lengths(), std::pair(int64_t{1}, int64_t{1}));
  EXPECT_EQ(tokenizer.mask_token(), "<mask>");
  // The clean-up of WordPiece's texts would take spaces that stand there.
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a , b", {.add_special_tokens = false}).ids, {.clean_up = true}),
            "a , b");
}

std::string error_of(const std::string& vocabulary, const std::string& merges) {
  return message_of(ErrorKind::input, [&] {
    load(folder({{"vocab.json", vocabulary},
                 {"merges.txt", merges},
                 {"tokenizer_config.json", R"({"tokenizer_class":"RobertaTokenizer"})"}}));
  });
}

TEST(ByteLevelTest, BrokenFiles) {
  const std::string few = R"({"a":0,"b":1,"ab":2,"<s>":3,"</s>":4})";
  EXPECT_THAT(error_of("", ""), HasSubstr("vocab.json is empty"));
  EXPECT_THAT(error_of("{", ""), HasSubstr("vocab.json is not valid JSON"));
  EXPECT_THAT(error_of("[]", ""), HasSubstr("vocab.json must be an object of tokens and ids"));
  EXPECT_THAT(error_of(R"({"a":0,"a":1})", ""), HasSubstr("the token a stands there twice"));
  EXPECT_THAT(error_of(R"({"a":-1})", ""), HasSubstr("the id -1 does not lie in"));
  for (const char* line : {"a b c", "ab", "a  b", ""})
    EXPECT_THAT(error_of(few, std::string("#version: 0.2\n") + line + "\na b\n"),
                AllOf(HasSubstr("merges.txt:2: "), HasSubstr("two tokens with one space between them")))
        << line;
  EXPECT_THAT(error_of(few, "a c\n"), HasSubstr("the merge \"a c\" needs the token c, which the vocabulary lacks"));
  EXPECT_THAT(error_of(few, "b a\n"), HasSubstr("the merge \"b a\" needs the token ba"));
  EXPECT_THAT(message_of(ErrorKind::input,
                         [&] {
                           load(folder({{"vocab.json", few}, {"config.json", R"({"model_type":"roberta"})"}}));
                         }),
              HasSubstr("has neither tokenizer.json nor merges.txt"));
  EXPECT_THAT(message_of(ErrorKind::input,
                         [&] {
                           load(folder({{"vocab.json", few}, {"merges.txt", ""}}));
                         }),
              HasSubstr("vocab.json alone does not say how text is split"));
}

TEST(ByteLevelTest, BrokenModels) {
  const auto error = [](const std::string& members) {
    return message_of(ErrorKind::input, [&] {
      load(folder({{"tokenizer.json", R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},)" + members + "}}"}}));
    });
  };
  EXPECT_THAT(error(R"("merges":["a b"],"dropout":0.1)"), HasSubstr("leaves merges out at random is not supported"));
  EXPECT_THAT(error(R"("unk_token":null)"), HasSubstr("\"merges\" is missing"));
  EXPECT_THAT(error(R"("merges":{})"), HasSubstr("merges must be a list"));
  for (const char* merge : {"3", R"(["a"])", R"(["a","b","c"])", R"(["a",3])"})
    EXPECT_THAT(error(std::string(R"("merges":[)") + merge + "]"), HasSubstr("a merge must be a pair of tokens"));
  EXPECT_THAT(error(R"("merges":["a b"],"byte_fallback":true,"end_of_word_suffix":"</w>")"),
              HasSubstr("is not supported"));
  EXPECT_THAT(error(R"("merges":["a b"],"continuing_subword_prefix":"####")"),
              HasSubstr("lacks the continuing_subword_prefix"));
  // Lines like those of merges.txt may begin with its first; what says nothing is no error.
  const Tokenizer tokenizer = load(
      folder({{"tokenizer.json",
               R"({"model":{"vocab":{"a":0,"b":1,"ab":2},"merges":["#version: 0.2","a b","a b"],"dropout":0}})"}}));
  EXPECT_THAT(tokenizer.encode("ab").ids, ElementsAre(2));
  const Tokenizer unknown =
      load(folder({{"tokenizer.json", R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"?"}})"}}));
  EXPECT_THAT(message_of(ErrorKind::input, [&] { unknown.encode("b"); }), HasSubstr("lacks the unknown token ?"));
}

TEST(ByteLevelTest, ModelAndClassMustAgree) {
  const std::string bpe = R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})";
  EXPECT_THAT(message_of(ErrorKind::input,
                         [&] {
                           load(folder({{"tokenizer.json", bpe},
                                        {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer"})"}}));
                         }),
              HasSubstr("the model is BPE, but the tokenizer_class BertTokenizer needs WordPiece"));
}

// GPT-2's pattern as a regular expression engine would go through it.
std::vector<uint32_t> begins_by_the_pattern(const std::string& text) {
  using namespace unicode;
  std::vector<char32_t> chars;
  std::vector<uint32_t> at;
  for (const char* p = text.data(); p < text.data() + text.size();) {
    at.push_back(static_cast<uint32_t>(p - text.data()));
    chars.push_back(decode_utf8(p));
  }
  const size_t n = chars.size();
  const auto kind = [&](size_t i) {
    return is(chars[i], kLetter) ? 0 : is(chars[i], kNumber) ? 1 : is(chars[i], kWhiteSpace) ? 3 : 2;
  };
  std::vector<uint32_t> begins;
  for (size_t i = 0; i < n;) {
    begins.push_back(at[i]);
    size_t length = 0;
    for (const std::u32string_view one : {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"})
      if (length == 0 && std::u32string_view(chars.data(), n).substr(i).starts_with(one)) length = one.size();
    for (int wanted = 0; wanted < 3 && length == 0; ++wanted) {
      size_t end = i + (chars[i] == ' ');
      const size_t begin = end;
      while (end < n && kind(end) == wanted) ++end;
      if (end > begin) length = end - i;
    }
    if (length == 0) {
      size_t end = i;
      while (end < n && kind(end) == 3) ++end;
      length = end - i;
      if (end < n && length > 1) --length;
    }
    i += length;
  }
  return begins;
}

TEST(ByteLevelScannerTest, FindsTheWordsOfThePattern) {
  std::mt19937 random(3);
  const std::vector<std::string> pieces = {"a",
                                           "b",
                                           "s",
                                           "t",
                                           "re",
                                           "ve",
                                           "ll",
                                           "'",
                                           "'",
                                           "'s",
                                           "'ll",
                                           " ",
                                           " ",
                                           "  ",
                                           "\n",
                                           "\t",
                                           "\r",
                                           "1",
                                           "9",
                                           "!",
                                           ".",
                                           "\u00e9",
                                           "\u65e5\u672c",
                                           "\u00bd",
                                           "\u0663",
                                           "\u00a0",
                                           "\u3000",
                                           "\u2028",
                                           "\u0301",
                                           "\U0001F600",
                                           "\U00010400",
                                           "\x85",
                                           "\u0085",
                                           "the",
                                           "film",
                                           "\x1c",
                                           "\x0b",
                                           std::string(1, '\0'),
                                           "\U0001E7E0"};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    const size_t length = round < 2500 ? random() % 200 : random() % 9000;
    while (text.size() < length) {
      const std::string& piece = pieces[random() % pieces.size()];
      if (piece == "\x85") continue;
      for (size_t times = random() % 8 == 0 ? random() % 70 : 1; times > 0; --times) text += piece;
    }
    if (round % 50 == 0) text.resize(text.size() / 64 * 64, 'x');
    std::string valid;
    const std::string kept(sanitize(text, valid));
    ByteLevelScanner scanner;
    scanner.start(kept);
    std::vector<uint32_t> begins;
    uint32_t end = 0;
    while (scanner.next())
      for (size_t i = 0; i < scanner.count(); ++i) {
        ASSERT_EQ(scanner.begin(i), end);
        begins.push_back(scanner.begin(i));
        end = scanner.end(i);
      }
    ASSERT_EQ(end, kept.size());
    ASSERT_EQ(begins, begins_by_the_pattern(kept)) << kept;
  }
}

TEST(MergeTableTest, MergesByRank) {
  std::mt19937 random(5);
  for (int round = 0; round < 400; ++round) {
    // Tokens are strings of a and b; every merge makes one of those that are there.
    std::vector<std::string> tokens = {"a", "b"};
    std::vector<MergeTable::Pair> pairs;
    std::map<std::pair<int32_t, int32_t>, size_t> ranks;
    for (int i = 0; i < 12; ++i) {
      const auto left = static_cast<int32_t>(random() % tokens.size()),
                 right = static_cast<int32_t>(random() % tokens.size());
      const std::string merged = tokens[static_cast<size_t>(left)] + tokens[static_cast<size_t>(right)];
      auto found = std::find(tokens.begin(), tokens.end(), merged);
      const auto id = static_cast<int32_t>(found - tokens.begin());
      if (found == tokens.end()) tokens.push_back(merged);
      pairs.push_back({left, right, id});
      ranks[{left, right}] = pairs.size() - 1;  // the last one counts
    }
    const MergeTable table(pairs);
    EXPECT_EQ(table.pairs().size(), ranks.size());
    std::vector<MergedSymbol> symbols, expected;
    for (size_t n = random() % 120; n > 0; --n) symbols.push_back({static_cast<int32_t>(random() % 2), 1});
    expected = symbols;
    for (;;) {
      size_t best = SIZE_MAX, place = 0;
      for (size_t i = 0; i + 1 < expected.size(); ++i)
        if (const auto it = ranks.find({expected[i].id, expected[i + 1].id}); it != ranks.end() && it->second < best)
          best = it->second, place = i;
      if (best == SIZE_MAX) break;
      expected[place] = {pairs[best].merged, expected[place].length + expected[place + 1].length};
      expected.erase(expected.begin() + static_cast<ptrdiff_t>(place) + 1);
    }
    MergeTable::Scratch scratch;
    table.merge(symbols, scratch);
    ASSERT_EQ(symbols.size(), expected.size());
    for (size_t i = 0; i < symbols.size(); ++i) {
      EXPECT_EQ(symbols[i].id, expected[i].id);
      EXPECT_EQ(symbols[i].length, expected[i].length);
    }
  }
}

}  // namespace
}  // namespace tekio::test
