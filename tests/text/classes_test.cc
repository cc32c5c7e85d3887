// Which class a folder's tokenizer is, and what it makes of the files: those that are BERT's under another name, those
// that are none, and those that overrule their tokenizer.json.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "folders.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const char* const kWords = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nfox\n";
const char* const kJson = R"({"version":"1.0","normalizer":null,"pre_tokenizer":{"type":"WhitespaceSplit"},
  "model":{"type":"WordPiece","vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"the":5,"fox":6}}})";

std::string with_class(const std::string& name) { return "{\"tokenizer_class\":\"" + name + "\"}"; }

// What is said while a folder loads.
std::string warnings_of(const fs::path& path) {
  const LogCapture log;
  load(path);
  return log.text();
}

TEST(ClassTest, EachClassIsAsTheReferenceHasIt) {
  const Json cases = read_json(golden("classes.json"));
  std::string lines;
  for (const Json& word : cases[0]["words"]) lines += word.get<std::string>() + "\n";
  ASSERT_GT(cases.size(), 50u);
  for (size_t i = 1; i < cases.size(); ++i) {
    const Json& one = cases[i];
    SCOPED_TRACE(one.dump());
    Json settings = one["settings"];
    settings["tokenizer_class"] = one["class"];
    const bool json = one["form"] == "tokenizer.json";
    const fs::path path =
        folder({{json ? "tokenizer.json" : "vocab.txt", json ? cases[0]["json"].get<std::string>() : lines},
                {"tokenizer_config.json", settings.dump()},
                {"config.json", R"({"model_type":"bert"})"}});
    const LogCapture log;
    const Tokenizer tokenizer = load(path);
    const std::string said = log.text();
    const std::string name = one["class"];
    const bool keeps = name.starts_with("ConvBert") || (name.starts_with("DPR") && name.ends_with("Fast"));
    EXPECT_THAT(said, json && !keeps
                          ? testing::Matcher<std::string>(AllOf(HasSubstr("normalizer"), HasSubstr("pre_tokenizer"),
                                                                HasSubstr("are not those of")))
                          : testing::Matcher<std::string>(IsEmpty()));
    const auto check = [&](const Tokenizer& t) {
      EXPECT_EQ(t.encode("The foX's é\x07\u4e2d.").ids, one["text"].get<std::vector<int32_t>>());
      const Encoding pair = t.encode_pair("a fox.", "The  <mask> [MASK] x");
      EXPECT_EQ(pair.ids, one["pair"].get<std::vector<int32_t>>());
      EXPECT_EQ(pair.type_ids, one["types"].get<std::vector<int32_t>>());
      EXPECT_EQ(t.all_special_ids(), one["special"].get<std::vector<int32_t>>());
      EXPECT_EQ(t.mask_token(), one["mask"].get<std::string>());
      EXPECT_EQ(t.pad_id(), t.token_to_id(one["pad"].get<std::string>()));
    };
    check(tokenizer);
    const fs::path saved = fresh_folder();
    tokenizer.save_pretrained(saved);
    EXPECT_THAT(warnings_of(saved), IsEmpty());
    check(load(saved));
  }
}

TEST(ClassTest, ClassesOfTransformers4AreRead) {
  for (const char* name : {"RetriBertTokenizer", "RealmTokenizerFast"}) {
    const Tokenizer words = load(folder({{"vocab.txt", kWords}, {"tokenizer_config.json", with_class(name)}}));
    EXPECT_THAT(words.encode("The fox").ids, ElementsAre(2, 5, 6, 3)) << name;
    // transformers 5 has them no more, and reads tokenizer.json as it stands.
    const Tokenizer json = load(folder({{"tokenizer.json", kJson}, {"tokenizer_config.json", with_class(name)}}));
    EXPECT_THAT(json.encode("The fox").ids, ElementsAre(1, 6)) << name;
  }
}

TEST(ClassTest, OtherClassesAreRefusedByName) {
  for (const char* name :
       {"HerbertTokenizer", "RoFormerTokenizer", "RoFormerTokenizerFast", "BertweetTokenizer", "TapasTokenizer",
        "LayoutLMv2TokenizerFast", "DebertaTokenizer", "OwnNotesTokenizer", "OwnNotesTokenizerFast", "berttokenizer"})
    for (const auto& [file, content] : {std::pair("vocab.txt", kWords), std::pair("tokenizer.json", kJson)}) {
      const fs::path path = folder({{file, content}, {"tokenizer_config.json", with_class(name)}});
      EXPECT_THAT(message_of(ErrorKind::input, [&] { load(path); }),
                  AllOf(HasSubstr("tokenizer_config.json"), HasSubstr(name), HasSubstr("none that Tekio knows")));
    }
  // The model's config.json names it, or implies it.
  EXPECT_THAT(message_of(ErrorKind::input,
                         [] {
                           load(folder({{"vocab.txt", kWords}, {"config.json", with_class("HerbertTokenizer")}}));
                         }),
              HasSubstr("HerbertTokenizer"));
  EXPECT_THAT(message_of(ErrorKind::input,
                         [] {
                           load(folder({{"vocab.txt", kWords}, {"config.json", R"({"model_type":"roformer"})"}}));
                         }),
              AllOf(HasSubstr("roformer"), HasSubstr("vocab.txt alone does not say how text is split")));
}

TEST(ClassTest, TheGenericClassNeedsTokenizerJson) {
  for (const char* name : {"PreTrainedTokenizerFast", "PreTrainedTokenizer", "TokenizersBackend", "PythonBackend"}) {
    EXPECT_THAT(message_of(ErrorKind::input,
                           [&] {
                             load(folder({{"vocab.txt", kWords}, {"tokenizer_config.json", with_class(name)}}));
                           }),
                AllOf(HasSubstr(name), HasSubstr("needs tokenizer.json")));
    EXPECT_THAT(
        load(folder({{"tokenizer.json", kJson}, {"tokenizer_config.json", with_class(name)}})).encode("the fox").ids,
        ElementsAre(5, 6));
  }
}

TEST(ClassTest, NothingButAVocabularyIsBerts) {
  EXPECT_THAT(load(folder({{"vocab.txt", kWords}})).encode("The fox").ids, ElementsAre(2, 5, 6, 3));
  for (const char* type : {"bert", "distilbert", "electra", "lxmert", "megatron-bert", "nomic_bert", "visual_bert"})
    EXPECT_THAT(load(folder({{"vocab.txt", kWords}, {"config.json", std::string("{\"model_type\":\"") + type + "\"}"}}))
                    .encode("The fox")
                    .ids,
                ElementsAre(2, 5, 6, 3))
        << type;
}

TEST(ClassTest, CodeOfTheFoldersOwnIsNotRun) {
  const std::string code = R"("auto_map":{"AutoTokenizer":["tokenization_notes.NotesTokenizer",null]})";
  for (const std::string& settings :
       {"{" + code + "}", "{\"tokenizer_class\":\"NotesTokenizer\"," + code + "}",
        std::string(R"({"auto_map":["tokenization_notes.NotesTokenizer",null]})"),
        std::string(R"({"auto_map":{"AutoTokenizer":"tokenization_notes.NotesTokenizer"}})")})
    EXPECT_THAT(message_of(ErrorKind::input,
                           [&] {
                             load(folder({{"tokenizer.json", kJson}, {"tokenizer_config.json", settings}}));
                           }),
                AllOf(HasSubstr("tokenization_notes.NotesTokenizer"), HasSubstr("auto_map")))
        << settings;
  // Where the class is known as well, the reference takes that unless it is told to trust the code.
  const fs::path known = folder(
      {{"vocab.txt", kWords}, {"tokenizer_config.json", "{\"tokenizer_class\":\"BertTokenizer\"," + code + "}"}});
  EXPECT_THAT(warnings_of(known), AllOf(HasSubstr("NotesTokenizer"), HasSubstr("not run"), HasSubstr("BertTokenizer")));
  // A map that names only the model's code is nobody's business here.
  EXPECT_THAT(warnings_of(folder(
                  {{"vocab.txt", kWords}, {"config.json", R"({"model_type":"bert","auto_map":{"AutoModel":"a.B"}})"}})),
              IsEmpty());
}

// A tokenizer.json with these members beside BERT's steps.
std::string json_with(const std::string& member, const std::string& value) {
  Json json = Json::parse(kJson);
  json["normalizer"] = {{"type", "BertNormalizer"},
                        {"clean_text", true},
                        {"handle_chinese_chars", true},
                        {"strip_accents", nullptr},
                        {"lowercase", true}};
  json["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  json[Json::json_pointer(member)] = Json::parse(value);
  return json.dump();
}

TEST(ClassTest, WhatTheClassOverrulesIsSaid) {
  const auto said = [](const std::string& json,
                       const std::string& settings = R"({"tokenizer_class":"BertTokenizer"})") {
    return warnings_of(folder({{"tokenizer.json", json}, {"tokenizer_config.json", settings}}));
  };
  EXPECT_THAT(said(json_with("/version", "\"1.0\"")), IsEmpty());
  EXPECT_THAT(said(json_with("/normalizer/strip_accents", "true")), IsEmpty());  // as it is where text is lowercased
  EXPECT_THAT(said(json_with("/post_processor", R"({"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]})")),
              IsEmpty());
  EXPECT_THAT(said(json_with("/normalizer/lowercase", "false")),
              AllOf(HasSubstr("tokenizer.json: its normalizer is not that of BertTokenizer"),
                    HasSubstr("PreTrainedTokenizerFast"), Not(HasSubstr("pre_tokenizer"))));
  EXPECT_THAT(
      said(json_with("/normalizer/lowercase", "false"), R"({"tokenizer_class":"BertTokenizer","do_lower_case":false})"),
      IsEmpty());
  EXPECT_THAT(said(json_with("/normalizer/clean_text", "false")), HasSubstr("its normalizer"));
  EXPECT_THAT(said(json_with("/normalizer", "null")), HasSubstr("its normalizer"));
  EXPECT_THAT(said(json_with("/normalizer", R"({"type":"Precompiled"})")),
              HasSubstr("its normalizer"));  // not even read
  EXPECT_THAT(said(json_with("/pre_tokenizer", R"({"type":"Metaspace"})")), HasSubstr("its pre_tokenizer"));
  EXPECT_THAT(said(json_with("/model/max_input_chars_per_word", "50")), HasSubstr("its model's settings"));
  EXPECT_THAT(said(json_with("/model/continuing_subword_prefix", "\"@@\"")), HasSubstr("its model's settings"));
  EXPECT_THAT(said(json_with("/post_processor", R"({"type":"BertProcessing","sep":["fox",6],"cls":["[CLS]",2]})")),
              HasSubstr("its post_processor"));
}

TEST(ClassTest, FilesThatAreNotWhatTheirNamesSay) {
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, 'a') + "\nsize 231508\n";
  const std::string page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n";
  for (const char* name : {"vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                           "added_tokens.json", "config.json"}) {
    const fs::path path = folder({{"vocab.txt", kWords}});
    const auto message_with = [&](const std::string& content) {
      std::ofstream(path / name, std::ios::binary) << content;
      return message_of(ErrorKind::input, [&] { load(path); });
    };
    EXPECT_THAT(message_with(pointer), AllOf(HasSubstr(name), HasSubstr("git lfs")));
    EXPECT_THAT(message_with(page), AllOf(HasSubstr(name), HasSubstr("HTML")));
    fs::remove(path / name);
    fs::create_symlink("../../blobs/5e5e5e5e", path / name);
    EXPECT_THAT(message_of(ErrorKind::input, [&] { load(path); }),
                AllOf(HasSubstr(name), HasSubstr("../../blobs/5e5e5e5e"), HasSubstr("not there")));
    EXPECT_EQ(Tokenizer::is_in(path), true);
  }
}

TEST(ClassTest, ManyTokensWithOtherIdsAreOneWarning) {
  Json listed, legacy;
  for (int i = 0; i < 40; ++i) {
    listed[std::to_string(9000 + i)] = {{"content", "<|" + std::to_string(i) + "|>"}, {"special", true}};
    legacy["<|" + std::to_string(i) + "|>"] = 9000 + i;
  }
  const Json settings = {{"tokenizer_class", "BertTokenizer"}, {"added_tokens_decoder", listed}};
  for (const auto& path : {folder({{"vocab.txt", kWords}, {"tokenizer_config.json", settings.dump()}}),
                           folder({{"vocab.txt", kWords}, {"added_tokens.json", legacy.dump()}})}) {
    const std::string said = warnings_of(path);
    EXPECT_THAT(said, AllOf(HasSubstr("<|0|>"), HasSubstr("9000"), HasSubstr("gets id 7"),
                            HasSubstr("40 tokens get other ids")));
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
    EXPECT_THAT(load(path).encode("the fox").ids, ElementsAre(2, 5, 6, 3));
  }
}

}  // namespace
}  // namespace tekio::test
