// Unigram: SentencePiece's classes against golden files (scripts/golden/make_unigram_golden.py), what is refused, and
// the parts of its pipeline by themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "base/base64.h"
#include "encodings.h"
#include "folders.h"
#include "text/graphemes.h"
#include "text/piece_borders.h"
#include "text/space_scanner.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Of files and of what base64 says of models.
fs::path unigram_folder(const Json& one) {
  const fs::path path = folder_of(one["files"]);
  for (const auto& [name, content] : one["models"].items())
    std::ofstream(path / name, std::ios::binary) << bytes_of_base64(content.get<std::string>()).value();
  return path;
}

TEST(UnigramTest, FoldersOfItsClasses) {
  const Json cases = read_json(golden("unigram.json"));
  ASSERT_EQ(cases.size(), 17u);
  for (const Json& one : cases) {
    const Json& files = one["files"];
    SCOPED_TRACE(files.value("tokenizer_config.json", files.value("config.json", "")));
    const Tokenizer tokenizer = load(unigram_folder(one));
    const std::string second = one["second"];
    expect_as_golden(tokenizer, one, "The film", second.c_str());
    expect_special_tokens_as_golden(tokenizer, one);
    const fs::path saved = fresh_folder();
    tokenizer.save_pretrained(saved);
    EXPECT_EQ(load(saved).digest(), tokenizer.digest());
    expect_as_golden(load(saved), one, "The film", second.c_str());
    expect_special_tokens_as_golden(load(saved), one);
  }
}

TEST(UnigramTest, WhatIsSaved) {
  const Json cases = read_json(golden("unigram.json"));
  const std::vector<std::string> classes = {"XLMRobertaTokenizer", "XLMRobertaTokenizer", "XLMRobertaTokenizer",
                                            "CamembertTokenizer",  "CamembertTokenizer",  "AlbertTokenizer",
                                            "AlbertTokenizer",     "AlbertTokenizer",     "PreTrainedTokenizerFast"};
  for (size_t i = 0; i < classes.size(); ++i) {
    const fs::path given = folder_of(cases[i]["files"]), saved = fresh_folder();
    load(given).save_pretrained(saved);
    const Json was = read_json(given / "tokenizer.json"), is = read_json(saved / "tokenizer.json");
    EXPECT_EQ(is["model"]["vocab"], was["model"]["vocab"]);
    EXPECT_EQ(read_json(saved / "tokenizer_config.json")["tokenizer_class"], classes[i]);
    EXPECT_EQ(is["model"]["unk_id"], i == 5 || i == 6 || i == 7 ? 1 : i == 4 ? 4 : 3);
    EXPECT_EQ(is["decoder"]["prepend_scheme"], i == 2 ? "never" : "always");
    for (const char* other : {"vocab.txt", "vocab.json", "merges.txt"}) EXPECT_FALSE(fs::exists(saved / other));
  }
}

std::string error_of_model(const std::string& members) {
  return message_of(ErrorKind::input, [&] {
    load(folder({{"tokenizer.json", R"({"model":{"type":"Unigram",)" + members + "}}"}}));
  });
}

TEST(UnigramTest, BrokenModels) {
  EXPECT_THAT(error_of_model(R"("unk_id":0)"), HasSubstr("\"vocab\" is missing"));
  EXPECT_THAT(error_of_model(R"("vocab":{"a":1})"), HasSubstr("vocab must be a list of pieces and scores"));
  for (const char* piece : {"3", "[]", R"(["a"])", R"(["a",1,2])", R"(["a","1"])", "[1,1]"})
    EXPECT_THAT(error_of_model(std::string(R"("vocab":[["a",-1.5],)") + piece + "]"),
                HasSubstr("a piece must be a pair of its text and its score, got " + std::string(piece)));
  EXPECT_THAT(error_of_model(R"("vocab":[["a",-1]],"unk_id":1)"),
              HasSubstr("\"unk_id\" is 1, but the vocabulary has 1 pieces"));
  EXPECT_THAT(error_of_model(R"("vocab":[],"unk_id":0)"),
              HasSubstr("\"unk_id\" is 0, but the vocabulary has 0 pieces"));
  EXPECT_THAT(error_of_model(R"("vocab":[["a",1]],"unk_id":-1)"), HasSubstr("\"unk_id\" is -1"));
  const Tokenizer tokenizer = load(folder({{"tokenizer.json", R"({"model":{"vocab":[["a",-1],["ab",-2.5]]}})"}}));
  EXPECT_THAT(tokenizer.encode("aaba").ids, ElementsAre(0, 1, 0));
  EXPECT_THAT(message_of(ErrorKind::input, [&] { tokenizer.encode("abc"); }),
              AllOf(HasSubstr("the character c, which no piece"), HasSubstr("names no unknown token")));
}

TEST(UnigramTest, ClassesNeedTheirModel) {
  const auto error = [](const std::string& model, const std::string& name) {
    return message_of(ErrorKind::input, [&] {
      load(folder({{"tokenizer.json", R"({"model":)" + model + "}"},
                   {"tokenizer_config.json", R"({"tokenizer_class":")" + name + "\"}"}}));
    });
  };
  const std::string few = R"({"type":"Unigram","vocab":[["<unk>",0]],"unk_id":0})";
  EXPECT_THAT(error(few, "XLMRobertaTokenizer"),
              HasSubstr("takes piece 3 for unknown characters, but there are 1 pieces"));
  EXPECT_THAT(error(few, "AlbertTokenizerFast"), HasSubstr("takes piece 1 for unknown characters"));
  EXPECT_THAT(error(R"({"type":"Unigram","vocab":[]})", "CamembertTokenizer"), HasSubstr("takes piece 0"));
  EXPECT_THAT(error(few, "RobertaTokenizer"),
              HasSubstr("the model is Unigram, but the tokenizer_class RobertaTokenizer needs BPE"));
  EXPECT_THAT(error(R"({"type":"WordPiece","vocab":{}})", "CamembertTokenizer"), HasSubstr("needs Unigram"));
}

std::string error_of_charsmap(const std::string& base64) {
  return message_of(ErrorKind::input, [&] {
    load(folder({{"tokenizer.json", R"({"normalizer":{"type":"Precompiled","precompiled_charsmap":")" + base64 +
                                        R"("},"model":{"type":"Unigram","vocab":[["<unk>",0]],"unk_id":0}})"}}))
        .encode("ab");
  });
}

TEST(CharsmapTest, BrokenBytes) {
  const auto of = [](std::initializer_list<uint32_t> units, std::string_view strings) {
    std::string bytes;
    const auto put = [&](uint32_t unit) {
      for (int i = 0; i < 4; ++i) bytes += static_cast<char>(unit >> 8 * i);
    };
    put(static_cast<uint32_t>(4 * units.size()));
    for (const uint32_t unit : units) put(unit);
    return base64(bytes.append(strings));
  };
  for (const char* text : {"A", "AA", "AAA", "AA=A", "A===", "====", "AB==", "AAB=", "A-AA", "AAA=AAAA", "AA==AA=="})
    EXPECT_THAT(error_of_charsmap(text), HasSubstr("\"precompiled_charsmap\" is not valid base64")) << text;
  EXPECT_THAT(error_of_charsmap(""), HasSubstr("has 0 bytes, which hold no table of 0"));
  EXPECT_THAT(error_of_charsmap(base64(std::string(3, '\0'))), HasSubstr("has 3 bytes"));
  EXPECT_THAT(error_of_charsmap(base64(std::string(8, '\xFF'))),
              HasSubstr("has 8 bytes, which hold no table of 4,294,967,295"));
  EXPECT_THAT(error_of_charsmap(of({1, 2}, "\xFF")), HasSubstr("are not valid UTF-8"));
  EXPECT_THAT(error_of_charsmap(of({5 << 10}, "")), HasSubstr("leads out of its table"));
  // "a" (0x61) leads to a leaf whose string begins beyond the strings, or within a character.
  std::vector<uint32_t> units(256);
  units[0] = 1 << 10;
  units[1 ^ 'a'] = 'a' | 1 << 8 | (1 ^ 'a' ^ 2) << 10;
  for (const uint32_t begin : {3u, 1u}) {
    units[2] = 1u << 31 | begin;
    std::string bytes(4 + 4 * units.size(), '\0');
    const uint32_t size = 1024;
    std::memcpy(bytes.data(), &size, 4);
    std::memcpy(bytes.data() + 4, units.data(), size);
    EXPECT_THAT(error_of_charsmap(base64(bytes + "\u00e9")), HasSubstr("leads out of its table")) << begin;
  }
}

std::string error_of_pieces(const std::string& bytes, const std::string& name = "XLMRobertaTokenizer") {
  return message_of(ErrorKind::input, [&] {
    load(folder({{"sentencepiece.bpe.model", bytes},
                 {"tokenizer.model", bytes},
                 {"tokenizer_config.json", R"({"tokenizer_class":")" + name + "\"}"}}));
  });
}

TEST(SentencePieceTest, BrokenFiles) {
  const auto field = [](int number, std::string_view bytes) {
    return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())}.append(bytes);
  };
  const std::string a = field(1, field(1, "a"));
  for (const std::string& bytes :
       {std::string("\x0a"),
        std::string("\x0a\x05"
                    "ab"),
        std::string("\xff"), std::string(12, '\xff'), std::string("\x0b"), std::string("\x05\x01"),
        std::string("\x02\x00", 2), a + field(2, "\x18"), a + field(3, "\x12\x09"),
        field(1,
              "\x0a\x05"
              "a")})
    EXPECT_THAT(error_of_pieces(bytes), HasSubstr("is no model of SentencePiece, or was cut off"));
  EXPECT_THAT(error_of_pieces(""), HasSubstr("it holds no pieces"));
  EXPECT_THAT(error_of_pieces("<!DOCTYPE html><html>"), HasSubstr("HTML"));
  EXPECT_THAT(error_of_pieces(field(1, field(1, "a\xff"))), HasSubstr("the piece a"));
  EXPECT_THAT(error_of_pieces(field(1, field(1, "a") + std::string("\x15\x00\x00\xc0\x7f", 5))),
              HasSubstr("the score of the piece a is no number"));
  EXPECT_THAT(error_of_pieces(a + field(2, "\x18\x02")), HasSubstr("SentencePiece's model of BPE is not supported"));
  EXPECT_THAT(error_of_pieces(a + field(2, "\x18\x09")), HasSubstr("model of an unknown kind"));
  EXPECT_THAT(error_of_pieces(a + field(2, "\xc0\x02\x01"), "PreTrainedTokenizerFast"),
              HasSubstr("the unknown piece is number 1, but there are 1 pieces"));
  EXPECT_THAT(error_of_pieces(a + field(3, field(2, "abc"))), HasSubstr("the precompiled_charsmap has 3 bytes"));
  // What it does not know, it leaves alone.
  EXPECT_EQ(load(folder({{"tokenizer.model", a +
                                                 std::string("\x20\x01\x29"
                                                             "12345678"
                                                             "\x35"
                                                             "1234") +
                                                 field(5, "x")},
                         {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}}))
                .base_vocabulary_size(),
            1);
}

// Of CamembertTokenizer's own three special tokens transformers 5.23 makes none where it reads the model's file: the
// saved folder, which has a tokenizer.json, must say so.
TEST(SentencePieceTest, SavedWithoutSpecialTokensOfTheClass) {
  const std::string bytes("\x0a\x05\x0a\x03<a>\x0a\x03\x0a\x01s", 12);
  const Tokenizer tokenizer = load(folder(
      {{"sentencepiece.bpe.model", bytes}, {"tokenizer_config.json", R"({"tokenizer_class":"CamembertTokenizer"})"}}));
  EXPECT_THAT(tokenizer.all_special_ids(), Not(Contains(0)));  // <s>NOTUSED
  const fs::path saved = fresh_folder();
  tokenizer.save_pretrained(saved);
  EXPECT_THAT(load(saved).all_special_ids(), Not(Contains(0)));
  EXPECT_EQ(load(saved).digest(), tokenizer.digest());
}

TEST(SentencePieceTest, WhichClassReadsIt) {
  const auto error = [](const std::string& config) {
    return message_of(ErrorKind::input, [&] { load(folder({{"spiece.model", "x"}, {"config.json", config}})); });
  };
  EXPECT_THAT(error("{}"), HasSubstr("spiece.model alone does not say how text is split"));
  EXPECT_THAT(error(R"({"model_type":"t5"})"), HasSubstr("the tokenizer of model_type t5 is none that Tekio knows"));
  EXPECT_THAT(error(R"({"model_type":"xlm-roberta"})"),
              HasSubstr("neither tokenizer.json nor sentencepiece.bpe.model, one of which the tokenizer_class "
                        "XLMRobertaTokenizer needs"));
  EXPECT_THAT(error(R"({"tokenizer_class":"T5Tokenizer"})"),
              HasSubstr("XLMRobertaTokenizer, CamembertTokenizer and AlbertTokenizer"));
}

TEST(MetaspaceTest, WhatFilesSayOfIt) {
  const auto tokenizer = [](const std::string& members) {
    return load(
        folder({{"tokenizer.json", R"({"pre_tokenizer":{"type":"Metaspace",)" + members +
                                       R"(},"model":{"type":"Unigram","vocab":[["_",0],["a",0]],"unk_id":0}})"}}));
  };
  const auto error = [&](const std::string& members) {
    return message_of(ErrorKind::input, [&] { tokenizer(members); });
  };
  EXPECT_THAT(error(R"("split":true)"), HasSubstr("\"replacement\" is missing"));
  EXPECT_THAT(error(R"("replacement":"__")"), HasSubstr("\"replacement\" must be one character, got __"));
  EXPECT_THAT(error(R"("replacement":"_","prepend_scheme":"Always")"),
              HasSubstr("supported are always, first and never"));
  EXPECT_THAT(error(R"("replacement":"_","add_prefix_space":false)"),
              HasSubstr("\"add_prefix_space\" is false, but \"prepend_scheme\" is always"));
  for (const auto& [members, count] :
       std::vector<std::pair<std::string, size_t>>{{"", 2},
                                                   {R"(,"add_prefix_space":true,"str_rep":"_")", 2},
                                                   {R"(,"add_prefix_space":true,"prepend_scheme":"never")", 1},
                                                   {R"(,"add_prefix_space":false,"prepend_scheme":"never")", 1},
                                                   {R"(,"prepend_scheme":"first","split":false)", 2}})
    EXPECT_EQ(tokenizer(R"("replacement":"_")" + members).encode("a").ids.size(), count) << members;
}

// TextEncoder cuts texts where it is certain that what it cuts apart is independent; encode() never does.
TEST(UnigramCutTest, RegionsAreIndependent) {
  const std::vector<std::string> pieces = {"a",
                                           "the",
                                           "film",
                                           "ing",
                                           "A",
                                           ".",
                                           "...",
                                           "'",
                                           "''",
                                           "`",
                                           "``",
                                           "<",
                                           "<unk>",
                                           "<mask>",
                                           " ",
                                           " ",
                                           " ",
                                           "  ",
                                           "\n",
                                           "\r\n",
                                           "\t",
                                           "\u00a0",
                                           "\u3000",
                                           "\u200b",
                                           "\u2581",
                                           "\u0301",
                                           "e\u0301",
                                           "\u0344",
                                           "\u0903",
                                           "\u200d",
                                           "\u200c",
                                           "\u0600",
                                           "\u00a9",
                                           "\ufb01",
                                           "\u2122",
                                           "\u0001",
                                           "\u001e",
                                           "\uff76\uff9e",
                                           "\u65e5\u672c",
                                           "\u1112\u1161\u11ab",
                                           "\u00a8",
                                           "\u0e33",
                                           "\u2028",
                                           "\u0085",
                                           "\x0b",
                                           "\U0001F600",
                                           "\u0340\u0301",
                                           std::string(1, '\0')};
  std::vector<Tokenizer> tokenizers;
  for (const Json& one : read_json(golden("unigram.json"))) tokenizers.push_back(load(unigram_folder(one)));
  for (const Json& one : read_json(golden("unigram_pipelines.json")))
    tokenizers.push_back(load(folder({{"tokenizer.json", one["json"]},
                                      {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}})));
  std::mt19937 random(7);
  for (const Tokenizer& tokenizer : tokenizers) {
    TextEncoder encoder(tokenizer);
    for (int round = 0; round < 200; ++round) {
      std::string text;
      const size_t length = random() % (round % 20 == 0 ? 6000 : 60);
      while (text.size() < length) text += pieces[random() % (round % 2 == 0 ? 20 : pieces.size())];
      std::optional<Encoding> expected;
      try {
        expected = tokenizer.encode(text);
      } catch (const Error&) {  // a vocabulary without an unknown token
      }
      if (expected) expect_encoder_agrees(encoder, text, *expected);
    }
  }
}

Tokenizer load_unsplit(const Json& vocabulary, const std::string& more = "") {
  const Json metaspace = {
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "never"}, {"split", false}};
  return load(folder(
      {{"tokenizer.json", R"({"pre_tokenizer":)" + metaspace.dump() + R"(,"model":{"type":"Unigram","unk_id":0)" +
                              more + R"(,"vocab":)" + vocabulary.dump() + "}}"},
       {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}}));
}

// Scores are added up along the whole text, and where ways are equal but for rounding, the sum before decides.
TEST(UnigramPartsTest, SumsBeforeDecide) {
  const std::vector<std::pair<const char*, double>> scores[] = {
      {{"a", -0.1}, {"b", -0.2}, {"ab", -0.3}, {"ba", -0.3}, {"aa", -0.2}, {"bb", -0.4}, {"aba", -0.4}},
      {{"a", -1.1}, {"b", -2.2}, {"ab", -3.3}, {"ba", -3.3000000000000003}, {"aa", -2.2}, {"bb", -4.4}, {"bab", -5.5}},
      {{"a", 0.7}, {"b", 1e-9}, {"ab", 0.700000001}, {"ba", 0.7}, {"aa", 1.4}, {"bb", 2e-9}, {"aab", 1.400000001}},
      {{"a", -1e6}, {"b", -0.1}, {"ab", -1000000.1}, {"ba", -1000000.1}, {"aa", -2e6}, {"bb", -0.2}, {"aaa", -3e6}}};
  std::mt19937 random(5);
  for (const auto& some : scores)
    for (const char* more : {"", R"(,"byte_fallback":true)"}) {
      Json vocabulary = Json::array();
      const auto add = [&](const char* piece, double score) { vocabulary.push_back(Json::array({piece, score})); };
      for (const auto& [piece, score] :
           {std::pair("<unk>", -9.0), {"\u2581", -0.3}, {"\u2581\u2581", -0.6}, {"c", -0.7}, {"<0x64>", -3.1}})
        add(piece, score);
      for (const auto& [piece, score] : some) add(piece, score);
      const Tokenizer tokenizer = load_unsplit(vocabulary, more);
      TextEncoder encoder(tokenizer);
      for (int round = 0; round < 60; ++round) {
        std::string text;
        const size_t length = random() % 20000;
        while (text.size() < length)
          text +=
              std::array{"a", "b", "ab", "ba", " ", "c", " c", "d", "\u00e9", "<unk>"}[random() % (round % 3 ? 7 : 10)];
        expect_encoder_agrees(encoder, text, tokenizer.encode(text));
      }
    }
}

// "first" is for the text's first character, which a normalizer may drop.
TEST(UnigramPartsTest, AVisibleSpaceStandsBeforeTheFirstCharacterOnly) {
  const Tokenizer tokenizer =
      load(folder({{"tokenizer.json",
                    R"({"normalizer":{"type":"StripAccents"},"pre_tokenizer":{"type":"Metaspace","replacement":"_",)"
                    R"("prepend_scheme":"first","split":false},"model":{"type":"Unigram","unk_id":0,)"
                    R"("vocab":[["<unk>",-9],["_",-1],["a",-2],["_a",-2.5]]}})"},
                   {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}}));
  TextEncoder encoder(tokenizer);
  for (const auto& [text, count] :
       {std::pair("a", 1u), {"aa", 2u}, {"\u0301a", 1u}, {"\u0301aa", 2u}, {"a\u0301", 1u}}) {
    EXPECT_EQ(tokenizer.encode(text).ids.size(), count) << text;
    expect_encoder_agrees(encoder, text, tokenizer.encode(text));
  }
  EXPECT_EQ(tokenizer.encode("a").ids, std::vector<int32_t>{3});
  EXPECT_EQ(tokenizer.encode("\u0301a").ids, std::vector<int32_t>{2});
}

// Offsets are trimmed by what a token is: of the unknown one that is its characters, even where its piece is a byte's;
// where characters become bytes, each is the piece. Ids and offsets are those of the reference.
TEST(UnigramPartsTest, TheUnknownTokenMayBeTheOneOfAByte) {
  const Tokenizer tokenizer =
      load(folder({{"tokenizer.json",
                    R"({"post_processor":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},)"
                    R"("model":{"type":"Unigram","unk_id":2,"byte_fallback":true,"vocab":[["<0x09>",-1],["a",-2],)"
                    R"(["<0xCB>",-3],["<0xC2>",-3.5],["<0xA0>",-4]]}})"},
                   {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}}));
  using Offsets = std::vector<std::pair<int32_t, int32_t>>;
  const std::vector<std::tuple<std::string, std::vector<int32_t>, Offsets>> cases = {
      {"\t\u00e9", {2}, {{1, 2}}},
      {"a\t\u00e9\ta", {1, 2, 1}, {{0, 1}, {2, 3}, {4, 5}}},
      {"\t\u00a0", {0, 3, 4}, {{0, 2}, {0, 2}, {0, 2}}},
      {"<0xCB>", {2}, {{0, 6}}},
      {"\u02cb \u00a0", {2}, {{0, 1}}},
      {"\u00e9\t<0xCB>a", {2, 1}, {{0, 8}, {8, 9}}}};
  for (const auto& [text, ids, offsets] : cases) {
    const Encoding encoding = tokenizer.encode(text);
    EXPECT_EQ(encoding.ids, ids) << text;
    EXPECT_EQ(encoding.offsets, offsets) << text;
  }
}

TEST(PieceScannerTest, CutsWhereNoPieceReaches) {
  const std::vector<std::string> pieces = {"<unk>",        "a",      "b",           "\u2581", "ab", "b\u2581a",
                                           "\u65e5\u672c", "\u672c", "\u2581\u2581"};
  std::vector<Unigram::Piece> scored;
  for (const std::string& piece : pieces) scored.push_back({piece, -1});
  const Unigram model(scored, {.unknown_id = 0});
  const PieceBorders borders(model);
  const std::vector<std::string> characters = {"a", "b", "\u2581", "\u65e5",     "\u672c",
                                               "<", ">", "u",      "\U0001F600", "k"};
  const auto is_piece = [&](const std::string& c) {
    return std::find(pieces.begin(), pieces.end(), c) != pieces.end();
  };
  std::mt19937 random(3);
  int possible = 0, found = 0;
  for (int round = 0; round < 200; ++round) {
    std::string text;
    std::vector<uint32_t> expected = {0}, got;
    std::string before;
    for (size_t i = random() % 3000; i > 0; --i) {
      const std::string& c = characters[random() % characters.size()];
      const bool joined = std::any_of(pieces.begin(), pieces.end(),
                                      [&](const std::string& piece) { return piece.find(before + c) != piece.npos; });
      if (!before.empty() && !joined && (is_piece(before) || is_piece(c)))
        expected.push_back(static_cast<uint32_t>(text.size()));
      text += before = c;
    }
    PieceScanner scanner(borders);
    scanner.start(text);
    uint32_t end = 0;
    while (scanner.next()) {
      ASSERT_LE(scanner.count(), PieceScanner::kWindow);
      for (size_t i = 0; i < scanner.count(); ++i) {
        ASSERT_EQ(scanner.begin(i), end);
        got.push_back(end);
        end = scanner.end(i);
      }
    }
    ASSERT_EQ(end, text.size());
    ASSERT_TRUE(std::includes(expected.begin(), expected.end(), got.begin(), got.end())) << text;
    possible += static_cast<int>(expected.size());
    found += static_cast<int>(got.size());
  }
  EXPECT_GT(found, possible * 3 / 4);
}

TEST(SpaceScannerTest, FindsRegions) {
  std::mt19937 random(9);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (size_t i = random() % 6000; i > 0; --i) text += "ab\xc3 \n\t\r  c"[random() % 11];
    for (const auto regions : {SpaceScanner::Regions::between_white_space, SpaceScanner::Regions::from_space}) {
      std::vector<std::pair<uint32_t, uint32_t>> expected, got;
      const bool words = regions == SpaceScanner::Regions::between_white_space;
      for (uint32_t begin = 0, end = 0; begin < text.size(); begin = end) {
        end = static_cast<uint32_t>(std::min(text.find_first_of(words ? " \n\t\r" : " ", begin + 1), text.size()));
        if (words && (text[begin] == ' ' || text[begin] == '\n' || text[begin] == '\t' || text[begin] == '\r'))
          end = begin + 1;
        else
          expected.emplace_back(begin, end);
      }
      SpaceScanner scanner(regions);
      scanner.start(text);
      while (scanner.next()) {
        ASSERT_LE(scanner.count(), SpaceScanner::kWindow);
        for (size_t i = 0; i < scanner.count(); ++i) got.emplace_back(scanner.begin(i), scanner.end(i));
      }
      ASSERT_EQ(got, expected) << text;
    }
  }
}

// Rules of Unicode's annex 29, one after another.
TEST(GraphemeTest, Clusters) {
  const auto clusters = [](std::string_view bytes) {
    AlignedText text;
    append_aligned(bytes, 0, text);
    std::vector<size_t> ends;
    for (size_t at = 0; at < text.size(); ends.push_back(at)) at = grapheme_end(text, at);
    return ends;
  };
  EXPECT_THAT(clusters("ab c"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(clusters("a\r\n\n\r\u0301"), ElementsAre(1, 3, 4, 5, 6));
  EXPECT_THAT(clusters("e\u0301\u0323\u200d \u0301\u0903"), ElementsAre(4, 7));
  EXPECT_THAT(clusters("\u1112\u1161\u11ab\uac00\u11a8\uac01\u1161\u1100\uac01"), ElementsAre(3, 5, 6, 7, 9));
  EXPECT_THAT(clusters("\u0600\u0661\u0600\n"), ElementsAre(2, 3, 4));
  EXPECT_THAT(clusters("\u00a9\u200d\u00a9\u0301\u200d\u00aea\u200d\u00a9"), ElementsAre(6, 8, 9));
  EXPECT_THAT(clusters("\u00a9\u200d\u200d\u00a9"), ElementsAre(3, 4));
  EXPECT_THAT(clusters("\u0915\u094d\u0937\u0915\u094d\u200c\u0937\u0915\u093c\u094d\u200d\u0937"),
              ElementsAre(3, 6, 7, 12));
  EXPECT_THAT(clusters("\U0001F1E9\U0001F1EA\U0001F1EB\U0001F1F7\U0001F1EB"), ElementsAre(2, 4, 5));
}

}  // namespace
}  // namespace tekio::test
