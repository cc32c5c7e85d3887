// A Japanese model from the outside: MeCab's words in everything that the program does with a tokenizer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "program.h"
#include "support/japanese_dictionary.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::HasSubstr;

class Japanese : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_japanese_dictionary()) GTEST_SKIP() << kNoJapaneseDictionary;
  }
  static std::string tokenizer_config(const std::string& subwords) {
    return Json{{"tokenizer_class", "BertJapaneseTokenizer"},
                {"word_tokenizer_type", "mecab"},
                {"subword_tokenizer_type", subwords},
                {"mecab_kwargs", {{"mecab_dic", "ipadic"}}},
                {"model_max_length", 32}}
        .dump();
  }
  static std::string japanese_sentences() {
    std::string text;
    for (int i = 0; i < 40; ++i)
      text +=
          "友人が" + std::to_string(i) + "月に大阪へ引っ越す。\n昨日の夜から雨が降り続き、川の水位が上がっている。\n";
    return text;
  }
  /// A model of this tokenizer with random weights, trained for two steps.
  std::string model(const std::string& subwords) {
    folder_.write(subwords + "/vocab.txt", read_file(std::string(TEKIO_GOLDEN_DIR) + "/text/japanese_vocab.txt"));
    folder_.write(subwords + "/tokenizer_config.json", tokenizer_config(subwords));
    const Result made =
        run({"pretrain", "--config", config_, "--tokenizer", folder_ / subwords, "--data", text_, "--output_dir",
             folder_ / (subwords + "-model"), "--chunk_size", "16", "--per_device_train_batch_size", "4", "--max_steps",
             "2", "--no_cache", "--whole_word_mask", "--json"});
    EXPECT_EQ(made.code, 0) << made.err;
    return folder_ / (subwords + "-model");
  }

  ScratchFolder folder_;
  const std::string text_ = folder_.write("text.txt", japanese_sentences());
  const std::string config_ = folder_.write("mini.json", Json{{"model_type", "bert"},
                                                              {"vocab_size", 2048},
                                                              {"hidden_size", 32},
                                                              {"num_hidden_layers", 2},
                                                              {"num_attention_heads", 2},
                                                              {"intermediate_size", 64},
                                                              {"max_position_embeddings", 32}}
                                                             .dump());
};

TEST_F(Japanese, ModelsAreMadeAdaptedEvaluatedAndAsked) {
  const std::string made = model("wordpiece");
  EXPECT_TRUE(fs::exists(made + "/vocab.txt"));
  EXPECT_FALSE(fs::exists(made + "/tokenizer.json"));
  EXPECT_EQ(Json::parse(read_file(made + "/tokenizer_config.json"))["mecab_kwargs"]["mecab_dic"], "ipadic");
  const std::string adapted = folder_ / "adapted";
  const Result result =
      run({"adapt", "--model", made, "--data", text_, "--output_dir", adapted, "--chunk_size", "16", "--max_steps", "2",
           "--per_device_train_batch_size", "4", "--no_cache", "--prompt", "友人は[MASK]へ行く。", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["prompts"][0]["after"].size(), 5U);
  const Result filled = run({"fill", "--model", adapted, "--json", "友人は[MASK]へ行く。"});
  ASSERT_EQ(filled.code, 0) << filled.err;
  EXPECT_THAT(filled.json()[0]["sequence"].get<std::string>(), testing::StartsWith("友人 は "));
  const Result evaluated =
      run({"eval", "--model", adapted, "--data", text_, "--chunk_size", "16", "--no_cache", "--json"});
  ASSERT_EQ(evaluated.code, 0) << evaluated.err;
  EXPECT_GT(evaluated.json()["masked_tokens"], 0);
}

TEST_F(Japanese, WholeWordsAreMasked) {
  const std::string made = model("character");
  const Result words = run({"tokenize", "--model", made, "--text", "友人が大阪へ引っ越す。", "--json"});
  ASSERT_EQ(words.code, 0) << words.err;
  EXPECT_EQ(words.json()[0]["word_ids"].dump(), "[null,0,0,1,2,2,3,4,4,4,4,5,null]");
  const Result shown = run({"data", "chunks", text_, "--model", made, "--chunk_size", "16", "--show_masked", "0",
                            "--whole_word_mask", "--wwm_probability", "0.5", "--no_cache"});
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("[MASK]"));
  // Never one character of a word alone.
  for (const char* broken : {"[MASK] 人", "友 [MASK]", "大 [MASK]", "[MASK] 阪", "引 [MASK]", "[MASK] 越"})
    EXPECT_THAT(shown.out, testing::Not(HasSubstr(broken)));
}

TEST_F(Japanese, AMissingDictionaryIsSaid) {
  folder_.write("lite/vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
  folder_.write("lite/tokenizer_config.json",
                R"({"tokenizer_class":"BertJapaneseTokenizer","word_tokenizer_type":"mecab"})");
  const Result result =
      run({"tokenize", "--model", folder_ / "lite", "--text", "東京"}, {.environment = {{"TEKIO_UNIDIC_LITE", ""}}});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("export TEKIO_UNIDIC_LITE="));
}

}  // namespace
}  // namespace tekio::test
