// BertJapaneseTokenizer: ids, words and text as frozen from the reference (scripts/golden/make_japanese_golden.py),
// what its settings may say, and the dictionaries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "encodings.h"
#include "folders.h"
#include "support/japanese_dictionary.h"
#include "text/japanese_tokenizer.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const char* const kMecab = R"("word_tokenizer_type":"mecab","mecab_kwargs":{"mecab_dic":"ipadic"})";

fs::path japanese_folder(const std::string& settings, const std::string& vocabulary) {
  return folder({{"vocab.txt", vocabulary},
                 {"tokenizer_config.json",
                  R"({"tokenizer_class":"BertJapaneseTokenizer")" + (settings.empty() ? "" : "," + settings) + "}"}});
}
Tokenizer japanese(const std::string& settings) {
  return load(japanese_folder(settings, read_text(golden("japanese_vocab.txt"))));
}
std::string error_of(const std::string& settings) {
  return message_of(ErrorKind::input,
                    [&] { load(japanese_folder(settings, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nは\n")); });
}

/// A variable of the environment while the object lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (before_)
      ::setenv(name_, before_->c_str(), 1);
    else
      ::unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

void check_case(const Json& texts, const Json& one) {
  const std::string settings = one["settings"].dump();
  const Tokenizer tokenizer = japanese(settings.substr(1, settings.size() - 2));
  TextEncoder encoder(tokenizer);
  EXPECT_EQ(tokenizer.vocabulary_size(), one["size"].get<int64_t>());
  EXPECT_EQ(tokenizer.all_special_ids(), one["special"].get<std::vector<int32_t>>());
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string text = from_hex(texts[i]);
    const Encoding got = tokenizer.encode(text);
    EXPECT_EQ(got.ids, one["ids"][i].get<std::vector<int32_t>>()) << text;
    if (!one["words"][i].is_null()) {
      const std::vector<int32_t> words(got.word_ids.begin() + 1, got.word_ids.end() - 1);
      EXPECT_EQ(words, one["words"][i].get<std::vector<int32_t>>()) << text;
    }
    expect_encoder_agrees(encoder, text, got);
  }
  const auto ids = one["decode_ids"].get<std::vector<int32_t>>();
  EXPECT_EQ(tokenizer.decode(ids), one["decoded"].get<std::string>());
  EXPECT_EQ(tokenizer.decode(ids, {.skip_special_tokens = true}), one["decoded_skipping"].get<std::string>());
  const Encoding pair = tokenizer.encode_pair("東京", "京都の寺");
  EXPECT_EQ(pair.ids, one["pair"].get<std::vector<int32_t>>());
  EXPECT_EQ(pair.type_ids, one["pair_types"].get<std::vector<int32_t>>());
}

void check_golden(bool with_mecab) {
  const Json document = read_json(golden("japanese.json"));
  ASSERT_GT(document["texts"].size(), 150u);
  int checked = 0;
  for (const Json& one : document["cases"]) {
    if (one["settings"].contains("mecab_kwargs") != with_mecab) continue;
    SCOPED_TRACE(one["settings"].dump());
    check_case(document["texts"], one);
    ++checked;
  }
  EXPECT_EQ(checked, 6);
}

TEST(JapaneseTest, BasicWordsAsGolden) { check_golden(false); }

TEST(JapaneseTest, WordsOfMecabAsGolden) {
  if (!has_japanese_dictionary()) GTEST_SKIP() << kNoJapaneseDictionary;
  check_golden(true);
}

TEST(JapaneseTest, WordsAreMecabsAlsoForCharacters) {
  if (!has_japanese_dictionary()) GTEST_SKIP() << kNoJapaneseDictionary;
  const Tokenizer tokenizer = japanese(std::string(kMecab) + R"(,"subword_tokenizer_type":"character")");
  const Encoding e = tokenizer.encode("友人と大阪へ", {.add_special_tokens = false});
  EXPECT_THAT(e.word_ids, ElementsAre(0, 0, 1, 2, 2, 3));
  EXPECT_THAT(tokens_of(tokenizer, "友人と"), ElementsAre("友", "人", "と"));
}

TEST(JapaneseTest, OffsetsLeadToTheTextBeforeItsNormalForm) {
  if (!has_japanese_dictionary()) GTEST_SKIP() << kNoJapaneseDictionary;
  const Tokenizer tokenizer = japanese(std::string(kMecab) + R"(,"subword_tokenizer_type":"character")");
  // Half-width katakana with a mark of its own is one character in NFKC.
  const Encoding e = tokenizer.encode(" ｶﾞとＡ", {.add_special_tokens = false});
  EXPECT_THAT(e.offsets, ElementsAre(std::pair(1, 3), std::pair(3, 4), std::pair(4, 5)));
}

TEST(JapaneseTest, SavedAsItWasRead) {
  const std::string settings =
      R"("do_lower_case":true,"never_split":["ＮＨＫ"],"subword_tokenizer_type":"character","mecab_kwargs":null,"model_max_length":512)";
  const Tokenizer tokenizer =
      load(japanese_folder(settings, "[PAD]\r\n[UNK]\r[CLS]\n[SEP]\n[MASK]\nあ\nい\nあ\n \n\u3000\n"));
  EXPECT_EQ(tokenizer.token_to_id("あ"), 7);  // of equal lines the last counts
  EXPECT_EQ(tokenizer.token_to_id(" "), 8);
  const fs::path saved = fresh_folder();
  tokenizer.save_pretrained(saved);
  EXPECT_FALSE(fs::exists(saved / "tokenizer.json"));
  EXPECT_EQ(read_text(saved / "vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n\u3000\nい\nあ\n \n\u3000\n");
  const Json config = read_json(saved / "tokenizer_config.json");
  EXPECT_EQ(config["tokenizer_class"], "BertJapaneseTokenizer");
  EXPECT_EQ(config["subword_tokenizer_type"], "character");
  EXPECT_EQ(config["never_split"], Json::array({"ＮＨＫ"}));
  const Tokenizer again = load(saved);
  EXPECT_EQ(again.digest(), tokenizer.digest());
  EXPECT_EQ(again.encode("あいう ＮＨＫ").ids, tokenizer.encode("あいう ＮＨＫ").ids);
}

TEST(JapaneseTest, DigestsDependOnAllThatIdsDependOn) {
  const std::string plain = japanese("").digest();
  EXPECT_EQ(plain, japanese(R"("word_tokenizer_type":"basic")").digest());
  for (const char* other : {R"("do_lower_case":true)", R"("subword_tokenizer_type":"character")",
                            R"("never_split":["a"])", R"("do_word_tokenize":false)"})
    EXPECT_NE(plain, japanese(other).digest()) << other;
  if (!has_japanese_dictionary()) GTEST_SKIP() << kNoJapaneseDictionary;
  const std::string mecab = japanese(kMecab).digest();
  EXPECT_EQ(mecab, japanese(kMecab).digest());
  EXPECT_NE(mecab, plain);
  EXPECT_NE(mecab,
            japanese(R"("word_tokenizer_type":"mecab","mecab_kwargs":{"mecab_dic":"ipadic","mecab_option":"-M 2"})")
                .digest());
}

TEST(JapaneseTest, SaysWhatItDoesNotFollow) {
  EXPECT_THAT(error_of(R"("word_tokenizer_type":"sudachi")"),
              testing::AllOf(HasSubstr("word_tokenizer_type is sudachi"), HasSubstr("Tekio knows MeCab alone")));
  EXPECT_THAT(error_of(R"("word_tokenizer_type":"jumanpp")"), HasSubstr("word_tokenizer_type is jumanpp"));
  EXPECT_THAT(error_of(R"("word_tokenizer_type":"kytea")"), HasSubstr("must be mecab or basic, got kytea"));
  EXPECT_THAT(error_of(R"("subword_tokenizer_type":"sentencepiece")"),
              HasSubstr("must be wordpiece or character; sentencepiece behind words is not supported"));
  EXPECT_THAT(error_of(R"("subword_tokenizer_type":"bpe")"), HasSubstr("must be wordpiece or character, got bpe"));
  EXPECT_THAT(error_of(R"("do_subword_tokenize":false)"), HasSubstr("do_subword_tokenize is false"));
  EXPECT_THAT(error_of(R"("never_split":"a")"), HasSubstr("never_split must be a list of strings"));
  EXPECT_THAT(error_of(R"("never_split":[1])"), HasSubstr("never_split must be a list of strings"));
  const auto with = [](const std::string& kwargs) {
    return error_of(R"("word_tokenizer_type":"mecab","mecab_kwargs":)" + kwargs);
  };
  EXPECT_THAT(with("[]"), HasSubstr("mecab_kwargs must be an object, got array"));
  EXPECT_THAT(with(R"({"dic":"ipadic"})"), HasSubstr("dic is none of mecab_dic, mecab_option and normalize_text"));
  EXPECT_THAT(with(R"({"mecab_dic":"neologd"})"),
              HasSubstr("mecab_dic must be ipadic, unidic_lite, unidic or null, got neologd"));
  EXPECT_THAT(with(R"({"mecab_dic":null,"mecab_option":"-d \"/x"})"),
              HasSubstr("the quote \" in -d \"/x is not closed"));
  EXPECT_THAT(with(R"({"mecab_dic":null,"mecab_option":"-o /tmp/x"})"), HasSubstr("mecab_option: -o is not supported"));
  EXPECT_THAT(with(R"({"mecab_dic":null,"mecab_option":"--partial"})"),
              HasSubstr("mecab_option: --partial is not supported"));
  EXPECT_THAT(with(R"({"mecab_dic":null,"mecab_option":"/x"})"), HasSubstr("mecab_option: /x is not supported"));
  EXPECT_THAT(with(R"({"mecab_dic":null,"mecab_option":"-d"})"), HasSubstr("mecab_option: -d needs a value"));
  EXPECT_THAT(with(R"({"mecab_dic":null,"mecab_option":"-M 99999999"})"),
              HasSubstr("-M must be a number in [0, 10000], got 99999999"));
}

TEST(JapaneseTest, AddedTokensHaveIdsOfTheirOwn) {
  EXPECT_THAT(error_of(R"("added_tokens_decoder":{"7":{"content":"猫"},"07":{"content":"犬"}})"),
              HasSubstr("the added tokens 犬 and 猫 have the same id 7"));
  EXPECT_THAT(error_of(R"("added_tokens_decoder":{"99999999":{"content":"猫"}})"),
              HasSubstr("the id 99999999 of the added token 猫 does not lie in [0, 4194304)"));
}

TEST(JapaneseTest, SaysWhereADictionaryIsToCome) {
  const Variable none("TEKIO_UNIDIC_LITE", "");
  EXPECT_THAT(
      error_of(R"("word_tokenizer_type":"mecab")"),
      testing::AllOf(HasSubstr("the dictionary unidic_lite, which is not here; to get it: python3 -m venv ~/mecab && "
                               "~/mecab/bin/pip install unidic_lite && export TEKIO_UNIDIC_LITE=$(")));
  const fs::path empty = fresh_folder();
  const Variable wrong("TEKIO_UNIDIC", empty.string());
  EXPECT_THAT(error_of(R"("word_tokenizer_type":"mecab","mecab_kwargs":{"mecab_dic":"unidic"})"),
              testing::AllOf(HasSubstr("TEKIO_UNIDIC names " + empty.string()), HasSubstr("dicrc and sys.dic")));
}

TEST(JapaneseTest, DictionariesThatAreNoneAreRefused) {
  if (!has_japanese_dictionary()) GTEST_SKIP() << kNoJapaneseDictionary;
  const auto with_folder = [](const fs::path& dictionary) {
    return error_of(
        R"("word_tokenizer_type":"mecab","mecab_kwargs":{"mecab_dic":null,"mecab_option":"-r /dev/null -d ')" +
        dictionary.string() + R"('"})");
  };
  EXPECT_THAT(with_folder("/nonexistent"), HasSubstr("MeCab cannot open the dictionary: "));
  EXPECT_THAT(with_folder(folder({{"dicrc", "cost-factor = 800\n"},
                                  {"sys.dic", std::string(400, 'x')},
                                  {"unk.dic", "x"},
                                  {"char.bin", "x"},
                                  {"matrix.bin", "x"}})),
              HasSubstr("MeCab cannot open the dictionary: "));
  const fs::path euc = "/var/lib/mecab/dic/ipadic";
  if (fs::exists(euc / "sys.dic")) {
    EXPECT_THAT(with_folder(euc), HasSubstr("is in EUC-JP, not in UTF-8"));
  }
  // One that a model's folder brings along, by whatever way it is named.
  const fs::path model = japanese_folder("", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
  fs::create_directory(model / "dic");
  for (const std::string& named : {(model / "dic").string(), (model / "dic/../dic").string()}) {
    std::ofstream(model / "tokenizer_config.json")
        << R"({"tokenizer_class":"BertJapaneseTokenizer","word_tokenizer_type":"mecab","mecab_kwargs":{"mecab_dic":null,"mecab_option":"--dicdir=)"
        << named << R"("}})";
    EXPECT_THAT(message_of(ErrorKind::input, [&] { load(model); }), HasSubstr("which lies in the model's own folder"));
  }
}

TEST(JapaneseTest, DictionariesOfAModelsFolderAreRefusedHoweverTheyAreNamed) {
  const fs::path base = fresh_folder(), other = base / "other";
  const fs::path model = base / "models--a--b" / "snapshots" / "1", blobs = base / "models--a--b" / "blobs";
  for (const fs::path& one : {other, model, blobs}) fs::create_directories(one);
  std::ofstream(model / "vocab.txt") << "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (const fs::path& file : {other / "ok.dic", model / "user.dic", model / "x,y.dic", blobs / "2"})
    std::ofstream(file) << "no dictionary";
  fs::create_symlink("../../blobs/2", model / "linked.dic");
  fs::create_symlink(model / "user.dic", other / "linked.dic");
  fs::create_directory_symlink(model, other / "way");
  const auto error_with = [&](const std::string& option) {
    const Json config = {{"tokenizer_class", "BertJapaneseTokenizer"},
                         {"word_tokenizer_type", "mecab"},
                         {"mecab_kwargs", {{"mecab_dic", nullptr}, {"mecab_option", option}}}};
    std::ofstream(model / "tokenizer_config.json") << config.dump();
    return message_of(ErrorKind::input, [&] { load(model); });
  };
  const std::string m = model.string(), o = other.string();
  for (const std::string& value :
       {m + "/user.dic", o + "/ok.dic," + m + "/user.dic", " " + m + "/user.dic", o + "/ok.dic,\t" + m + "/user.dic ",
        m + "/x,y.dic", m + "/linked.dic", o + "/linked.dic", o + "/way/user.dic", o + "/../models--a--b/blobs/2",
        m + "/nothing/../user.dic", m})
    for (const char* option : {"-u '", "--userdic='", "--userdic '"})
      EXPECT_THAT(error_with(option + value + "'"), HasSubstr("which lies in the model's own folder")) << value;
  for (const std::string& value : {m, m + "/", m + "/.", o + "/way"})
    EXPECT_THAT(error_with("-d '" + value + "'"), HasSubstr("which lies in the model's own folder")) << value;
  for (const std::string& value :
       {std::string("user.dic"), std::string("."), std::string(), std::string("/proc/self/cwd/user.dic"),
        std::string("/tmp/../dev/fd/3"), "$(rcpath)" + m, "\\\"" + m + "/user.dic\\\"", m + "\n"})
    for (const char* option : {"-u ", "-d "})
      EXPECT_THAT(error_with(option + (value.find('\\') != std::string::npos ? value : "'" + value + "'")),
                  HasSubstr("expected an absolute path without quotes"))
          << value;
  for (const std::string& value : {o + "/ok.dic,user.dic", o + "/ok.dic,"})
    EXPECT_THAT(error_with("-u '" + value + "'"), HasSubstr("expected an absolute path without quotes")) << value;
  for (const std::string& value : {m + "/rc", o + "/rc", std::string("rc"), std::string("/dev/../dev/null")})
    EXPECT_THAT(error_with("-r " + value), HasSubstr("expected /dev/null or /etc/mecabrc")) << value;
  EXPECT_THAT(error_with("-r /dev/null"), HasSubstr("no -d that names a dictionary"));
  EXPECT_THAT(error_with("-M"), HasSubstr("-M needs a value"));
}

TEST(JapaneseTest, CommandsAreSplitAsAShellSplitsThem) {
  EXPECT_THAT(split_command(R"(-d "/a b" -r '/c"d' e\ f "g\"h\i" '' j)", ""),
              ElementsAre("-d", "/a b", "-r", "/c\"d", "e f", "g\"h\\i", "", "j"));
  EXPECT_THAT(split_command(" \t\n", ""), ElementsAre());
}

TEST(JapaneseTest, FilesThatItNeeds) {
  const fs::path none = folder({{"tokenizer_config.json", R"({"tokenizer_class":"BertJapaneseTokenizer"})"},
                                {"tokenizer.json", R"({"model":{"type":"WordPiece","vocab":{"[UNK]":0}}})"}});
  EXPECT_THAT(message_of(ErrorKind::input, [&] { load(none); }),
              HasSubstr("lacks vocab.txt, which the tokenizer_class BertJapaneseTokenizer needs"));
  // By the model's config.json alone, as the oldest of them.
  const Tokenizer old =
      load(folder({{"config.json", R"({"model_type":"bert","tokenizer_class":"BertJapaneseTokenizer"})"},
                   {"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n東京\nABC\n"}}));
  EXPECT_THAT(tokens_of(old, "東京 ABC abc"), ElementsAre("東京", "ABC", "[UNK]"));
}

TEST(JapaneseTest, LongAndOddTextsAreTaken) {
  if (!has_japanese_dictionary()) GTEST_SKIP() << kNoJapaneseDictionary;
  const Tokenizer tokenizer = japanese(kMecab);
  const auto once = tokenizer.encode("東京", {.add_special_tokens = false}).ids.size();
  const std::string spaces(60'000, ' ');
  EXPECT_EQ(tokenizer.encode(spaces, {.add_special_tokens = false}).ids.size(), 0u);
  EXPECT_EQ(tokenizer.encode("東京" + spaces + "東京", {.add_special_tokens = false}).ids.size(), 2 * once);
  // MeCab, and so the reference, sees nothing behind more white space than it can count, and behind a NUL.
  EXPECT_EQ(tokenizer.encode("東京" + spaces + spaces + "東京", {.add_special_tokens = false}).ids.size(), once);
  EXPECT_THAT(tokens_of(tokenizer, std::string_view("東京\0大阪", 13)), ElementsAre("東京"));
  for (const char c : {'\r', 'w', '1', '\x7F'}) {
    const Encoding e = tokenizer.encode("東京" + std::string(2'000, c) + "東京");
    EXPECT_EQ(e.offsets[e.offsets.size() - 2].second, 2'004) << static_cast<int>(c);
  }
  std::string sentences;
  for (int i = 0; i < 10'000; ++i) sentences += "東京は雨。";
  EXPECT_EQ(tokenizer.encode(sentences, {.add_special_tokens = false}).ids.size(),
            10'000 * tokenizer.encode("東京は雨。", {.add_special_tokens = false}).ids.size());
  EXPECT_THAT(message_of(ErrorKind::input, [&] { tokenizer.encode(std::string((8 << 20) + 1, 'a')); }),
              HasSubstr("a text of 8,388,609 bytes is too long for MeCab: at most 8,388,608"));
}

TEST(JapaneseTest, ThreadsShareADictionary) {
  if (!has_japanese_dictionary()) GTEST_SKIP() << kNoJapaneseDictionary;
  const Tokenizer tokenizer = japanese(kMecab);
  const Json texts = read_json(golden("japanese.json"))["texts"];
  std::vector<std::vector<int32_t>> ids(4);
  std::vector<std::thread> threads;
  for (auto& own : ids)
    threads.emplace_back([&] {
      TextEncoder encoder(tokenizer);
      std::vector<uint8_t> starts;
      for (const Json& text : texts) encoder.append(from_hex(text), own, starts);
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& own : ids) EXPECT_EQ(own, ids[0]);
}

}  // namespace
}  // namespace tekio::test
