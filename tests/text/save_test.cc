// What is written opens again as the same tokenizer, and as the library would have written it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "folders.h"
#include "hub/fetch.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const char* const kText = "The FILM was naïve, [MASK] Foo <e> 日本 don't";

void expect_same(const Tokenizer& a, const Tokenizer& b) {
  EXPECT_EQ(a.digest(), b.digest());
  EXPECT_EQ(a.encode(kText).ids, b.encode(kText).ids);
  EXPECT_EQ(a.encode_pair("a", "b").type_ids, b.encode_pair("a", "b").type_ids);
  EXPECT_EQ(a.all_special_ids(), b.all_special_ids());
  EXPECT_EQ(a.vocabulary_size(), b.vocabulary_size());
  EXPECT_EQ(a.model_max_length(), b.model_max_length());
  EXPECT_EQ(a.mask_id(), b.mask_id());
  EXPECT_EQ(a.decode(a.encode(kText).ids), b.decode(b.encode(kText).ids));
}

TEST(SaveTest, RoundTrips) {
  for (const char* settings : {"", "\"do_lower_case\":false,\"model_max_length\":64",
                               "\"strip_accents\":false,\"tokenize_chinese_chars\":false",
                               "\"clean_up_tokenization_spaces\":true,\"additional_special_tokens\":[\"<e>\",{"
                               "\"content\":\"<f>\",\"lstrip\":true}]",
                               "\"mask_token\":{\"content\":\"<m>\",\"lstrip\":true,\"normalized\":false}"}) {
    SCOPED_TRACE(settings);
    const Tokenizer tokenizer = bert(settings);
    const fs::path out = fresh_folder() / "new" / "deep";
    tokenizer.save_pretrained(out);
    expect_same(tokenizer, load(out));
    EXPECT_EQ(read_text(out / "vocab.txt"), read_text(golden("vocab.txt")));
    const fs::path again = fresh_folder();
    load(out).save_pretrained(again);
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"})
      EXPECT_EQ(read_text(out / name), read_text(again / name)) << name;
    // vocab.txt and the settings alone say the same.
    fs::remove(again / "tokenizer.json");
    EXPECT_EQ(load(again).digest(), tokenizer.digest());
  }
}

TEST(SaveTest, OtherPipelinesRoundTrip) {
  for (const Json& one : read_json(golden("pipelines.json"))) {
    const Tokenizer tokenizer =
        load(folder({{"tokenizer.json", one["json"]},
                     {"tokenizer_config.json", R"({"tokenizer_class":"TokenizersBackend","mask_token":"[MASK]"})"}}));
    const fs::path out = fresh_folder();
    tokenizer.save_pretrained(out);
    expect_same(tokenizer, load(out));
    EXPECT_EQ(read_json(out / "tokenizer_config.json")["tokenizer_class"], "PreTrainedTokenizerFast");
  }
}

TEST(SaveTest, TheFileIsTheLibrarysToTheByte) {
  const std::string saved = read_text(golden("saved.json"));
  const fs::path out = fresh_folder();
  load(folder(
           {{"tokenizer.json", saved}, {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}}))
      .save_pretrained(out);
  EXPECT_EQ(read_text(out / "tokenizer.json"), saved);
}

TEST(SaveTest, SettingsAreKeptAndPlacesDropped) {
  const fs::path out = fresh_folder();
  bert(
      R"("name_or_path":"/home/x","never_split":null,"chat_template":"x","tokenizer_file":"/y","model_max_length":1000000000000000019884624838656)")
      .save_pretrained(out);
  const Json config = read_json(out / "tokenizer_config.json");
  EXPECT_EQ(config["tokenizer_class"], "BertTokenizer");
  EXPECT_EQ(config["do_lower_case"], true);
  EXPECT_EQ(config["chat_template"], "x");
  EXPECT_TRUE(config["strip_accents"].is_null());
  EXPECT_FALSE(config.contains("name_or_path"));
  EXPECT_FALSE(config.contains("tokenizer_file"));
  EXPECT_FALSE(config.contains("model_max_length"));
  EXPECT_EQ(config["added_tokens_decoder"]["4"]["content"], "[MASK]");
  EXPECT_EQ(
      read_json(out / "special_tokens_map.json"),
      Json::parse(
          R"({"cls_token":"[CLS]","mask_token":"[MASK]","pad_token":"[PAD]","sep_token":"[SEP]","unk_token":"[UNK]"})"));
  EXPECT_THAT(read_text(out / "tokenizer_config.json"), HasSubstr("\n  \"cls_token\": \"[CLS]\",\n"));
}

// BERT's classes would rebuild another pipeline from such a folder, so it must not be theirs.
// With BERT's class, transformers 4 would hand DistilBERT a token_type_ids column, which it refuses.
TEST(SaveTest, DistilBertFoldersGetTheirOwnClass) {
  for (const char* written : {"BertTokenizer", "BertTokenizerFast"}) {
    const fs::path saved = fresh_folder();
    load(folder({{"vocab.txt", read_text(golden("vocab.txt"))},
                 {"config.json", R"({"model_type":"distilbert"})"},
                 {"tokenizer_config.json", std::string(R"({"tokenizer_class":")") + written + "\"}"}}))
        .save_pretrained(saved);
    EXPECT_EQ(read_json(saved / "tokenizer_config.json")["tokenizer_class"], "DistilBertTokenizer") << written;
  }
}

TEST(SaveTest, UnusualPipelinesGetTheGenericClass) {
  const std::string json = read_text(golden("saved.json"));
  std::string prefixed = json;
  prefixed.replace(prefixed.find("\"max_input_chars_per_word\": 100"), 31, "\"max_input_chars_per_word\": 3");
  const fs::path out = fresh_folder();
  const Tokenizer tokenizer = load(
      folder({{"tokenizer.json", prefixed}, {"tokenizer_config.json", R"({"tokenizer_class":"ConvBertTokenizer"})"}}));
  tokenizer.save_pretrained(out);
  EXPECT_EQ(read_json(out / "tokenizer_config.json")["tokenizer_class"], "PreTrainedTokenizerFast");
  expect_same(tokenizer, load(out));
}

TEST(SaveTest, NoLinesWhereLinesCannotSayIt) {
  for (const char* vocabulary : {R"({"a":0,"b":2})", R"({"a":0,"b\nc":1})", R"({"a":0,"b ":1})"}) {
    const fs::path out = fresh_folder();
    load(folder({{"tokenizer.json", std::string(R"({"model":{"type":"WordPiece","vocab":)") + vocabulary + "}}"}}))
        .save_pretrained(out);
    EXPECT_FALSE(fs::exists(out / "vocab.txt")) << vocabulary;
    EXPECT_TRUE(fs::exists(out / "tokenizer.json"));
  }
}

TEST(SaveTest, FolderThatCannotBeMade) {
  const fs::path path = folder({{"file", "x"}}) / "file";
  EXPECT_THAT(message_of(ErrorKind::io, [&] { bert().save_pretrained(path / "sub"); }),
              HasSubstr("cannot make this folder"));
}

TEST(DigestTest, ChangesWithWhatChangesIds) {
  const Tokenizer tokenizer = bert();
  EXPECT_EQ(tokenizer.digest().size(), 32u);
  EXPECT_EQ(tokenizer.digest(), bert("\"model_max_length\":7").digest());
  EXPECT_NE(tokenizer.digest(), bert("\"do_lower_case\":false").digest());
  EXPECT_NE(tokenizer.digest(), bert("\"split_special_tokens\":true").digest());
  EXPECT_NE(tokenizer.digest(), bert("\"additional_special_tokens\":[\"<e>\"]").digest());
}

TEST(SaveTest, ALengthCanBeSet) {
  const Tokenizer tokenizer = bert("\"model_max_length\":512").with_model_max_length(64);
  EXPECT_EQ(tokenizer.model_max_length(), 64);
  EXPECT_EQ(tokenizer.encode(kText).ids, bert().encode(kText).ids);
  EXPECT_EQ(tokenizer.digest(), bert().digest());
  const fs::path out = fresh_folder();
  tokenizer.save_pretrained(out);
  EXPECT_EQ(read_json(out / "tokenizer_config.json")["model_max_length"], 64);
  EXPECT_EQ(load(out).model_max_length(), 64);
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { tokenizer.with_model_max_length(0); }),
              HasSubstr("at least 1, got 0"));
}

// Words that a user added get the ids behind the vocabulary's, and keep them.
TEST(SaveTest, AddedTokensKeepTheirIds) {
  Json json = Json::parse(read_text(golden("saved.json")));
  const auto size = static_cast<int32_t>(json["model"]["vocab"].size());
  for (const char* word : {"methotrexate", "[DRUG]"})
    json["added_tokens"].push_back({{"id", size + (*word == '[')},
                                    {"content", word},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", *word != '['},
                                    {"special", *word == '['}});
  for (size_t i = json["added_tokens"].size(); i-- > 0;)  // the golden file has two of its own, with these ids
    for (const char* other : {"<e>", "Foo"})
      if (json["added_tokens"][i]["content"] == other) json["added_tokens"].erase(i);
  const fs::path folder_of_words = folder(
      {{"tokenizer.json", json.dump()}, {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}});
  const Tokenizer tokenizer = load(folder_of_words);
  EXPECT_EQ(tokenizer.vocabulary_size(), size + 2);
  EXPECT_EQ(tokenizer.token_to_id("methotrexate"), size);
  EXPECT_EQ(tokenizer.token_to_id("[DRUG]"), size + 1);
  const fs::path out = fresh_folder();
  tokenizer.save_pretrained(out);
  expect_same(tokenizer, load(out));
  EXPECT_EQ(read_json(out / "tokenizer_config.json")["added_tokens_decoder"][std::to_string(size)]["content"],
            "methotrexate");
  fs::remove(out / "vocab.txt");
  EXPECT_EQ(load(out).token_to_id("[DRUG]"), size + 1);
}

TEST(SaveTest, TheFilesAreThoseOfTheList) {
  const fs::path out = fresh_folder();
  EXPECT_FALSE(Tokenizer::is_in(out));
  bert().save_pretrained(out);
  EXPECT_TRUE(Tokenizer::is_in(out));
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(out)) {
    EXPECT_THAT(Tokenizer::files(), testing::Contains(entry.path().filename().string()));
    ++count;
  }
  EXPECT_EQ(count, 4u);
}

// A repository's files are chosen where nothing is known of tokenizers, by a list that must not fall behind this one.
TEST(SaveTest, ARepositorysTokenizerFilesAreFetched) {
  const std::vector<std::string> names(Tokenizer::files().begin(), Tokenizer::files().end());
  EXPECT_THAT(hub::tokenizer_files(names), testing::UnorderedElementsAreArray(names));
  EXPECT_TRUE(Tokenizer::is_among(names));
  EXPECT_TRUE(Tokenizer::is_among(std::vector<std::string>{"config.json", "vocab.txt"}));
  EXPECT_FALSE(Tokenizer::is_among(std::vector<std::string>{"config.json", "tokenizer_config.json"}));
}

}  // namespace
}  // namespace tekio::test
