// Which files a tokenizer is made of, and what is said where they are wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "folders.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const char* const kVocabulary =
    R"({"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"foo":5,"##o":6,"f":7,"É":8,"é":9,"e":10})";
const char* const kSpecial =
    R"([{"id":0,"content":"[PAD]","special":true,"normalized":false},{"id":1,"content":"[UNK]","special":true,"normalized":false},
        {"id":2,"content":"[CLS]","special":true,"normalized":false},{"id":3,"content":"[SEP]","special":true,"normalized":false},
        {"id":4,"content":"[MASK]","special":true,"normalized":false}])";

// A tokenizer.json with this model and further members.
std::string with_model(const std::string& model, const std::string& more = "") {
  return "{\"version\":\"1.0\",\"model\":" + model + (more.empty() ? "" : "," + more) + "}";
}
std::string with_vocabulary(const std::string& vocabulary, const std::string& more = "") {
  return with_model(R"({"type":"WordPiece","vocab":)" + vocabulary + "}", more);
}
std::string cased_json() {
  return with_vocabulary(
      kVocabulary,
      std::string("\"added_tokens\":") + kSpecial +
          R"(,"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":false},
                                          "pre_tokenizer":{"type":"BertPreTokenizer"})");
}
std::string error_of_json(const std::string& json) {
  return message_of(ErrorKind::input, [&] { load(folder({{"tokenizer.json", json}})); });
}

TEST(LoadTest, SettingsWinOverTheJsonForBertClasses) {
  const Tokenizer lowered = load(
      folder({{"tokenizer.json", cased_json()}, {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer"})"}}));
  EXPECT_THAT(tokens_of(lowered, "FOO É"), ElementsAre("foo", "e"));
  const Tokenizer by_model =
      load(folder({{"tokenizer.json", cased_json()}, {"config.json", R"({"model_type":"distilbert"})"}}));
  EXPECT_THAT(tokens_of(by_model, "FOO É"), ElementsAre("foo", "e"));
  const Tokenizer kept =
      load(folder({{"tokenizer.json", cased_json()},
                   {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizerFast","do_lower_case":false})"}}));
  EXPECT_THAT(tokens_of(kept, "foo É"), ElementsAre("foo", "É"));
  const Tokenizer accents =
      load(folder({{"tokenizer.json", cased_json()},
                   {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer","strip_accents":false})"}}));
  EXPECT_THAT(tokens_of(accents, "FOO É"), ElementsAre("foo", "é"));
  const Tokenizer trusted =
      load(folder({{"tokenizer.json", cased_json()},
                   {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}}));
  EXPECT_THAT(tokens_of(trusted, "foo É"), ElementsAre("foo", "É"));
}

TEST(LoadTest, RolesAndSpecialIds) {
  const Tokenizer bert_like = load(
      folder({{"tokenizer.json", cased_json()}, {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer"})"}}));
  EXPECT_EQ(bert_like.mask_id(), 4);
  EXPECT_EQ(bert_like.mask_token(), "[MASK]");
  EXPECT_EQ(bert_like.pad_id(), 0);
  EXPECT_EQ(bert_like.unknown_id(), 1);
  EXPECT_EQ(bert_like.cls_id(), 2);
  EXPECT_EQ(bert_like.sep_id(), 3);
  EXPECT_THAT(bert_like.all_special_ids(), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(bert_like.template_lengths(),
            std::pair(int64_t{1}, int64_t{1}));  // BERT's class has its template by itself
  EXPECT_EQ(bert_like.model_max_length(), INT64_MAX);

  // The generic class has the roles that its files name, and no others.
  const Tokenizer generic = load(
      folder({{"tokenizer.json", cased_json()},
              {"tokenizer_config.json",
               R"({"tokenizer_class":"PreTrainedTokenizerFast","mask_token":{"__type":"AddedToken","content":"[MASK]"},
                                           "unk_token":"[UNK]","foo_token":"bar","additional_special_tokens":["[E1]",{"content":"[E2]"}],"model_max_length":77})"}}));
  EXPECT_EQ(generic.mask_id(), 4);
  EXPECT_EQ(generic.pad_id(), std::nullopt);
  EXPECT_EQ(generic.vocabulary_size(), 14);
  EXPECT_THAT(generic.all_special_ids(), ElementsAre(1, 4, 11, 12, 13));
  EXPECT_EQ(generic.model_max_length(), 77);
  EXPECT_EQ(generic.template_lengths(), std::pair(int64_t{0}, int64_t{0}));

  // special_tokens_map.json counts, unless tokenizer_config.json describes the added tokens itself.
  const std::string map = R"({"mask_token":"foo"})", config = R"("tokenizer_class":"PreTrainedTokenizerFast")";
  EXPECT_EQ(load(folder({{"tokenizer.json", cased_json()},
                         {"special_tokens_map.json", map},
                         {"tokenizer_config.json", "{" + config + "}"}}))
                .mask_id(),
            5);
  EXPECT_EQ(load(folder({{"tokenizer.json", cased_json()},
                         {"special_tokens_map.json", map},
                         {"tokenizer_config.json", "{" + config + R"(,"added_tokens_decoder":{}})"}}))
                .mask_id(),
            std::nullopt);

  // A lone tokenizer.json: the names of its special tokens tell their roles.
  EXPECT_EQ(load(folder({{"tokenizer.json", cased_json()}})).mask_id(), 4);
}

TEST(LoadTest, AddedTokensOfTheSettings) {
  const std::string decoder =
      R"("added_tokens_decoder":{"12":{"content":"<b>","special":true,"normalized":false},"11":{"content":"<a>","lstrip":true},
                                 "5":{"content":"foo","special":true,"normalized":false}})";
  const Tokenizer tokenizer =
      load(folder({{"tokenizer.json", cased_json()},
                   {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer",)" + decoder + "}"}}));
  EXPECT_EQ(tokenizer.token_to_id("<a>"), 11);
  EXPECT_EQ(tokenizer.token_to_id("<b>"), 12);
  EXPECT_EQ(tokenizer.vocabulary_size(), 13);
  EXPECT_THAT(tokenizer.encode("f <a>xfoo", {.add_special_tokens = false}).ids, ElementsAre(7, 11, 1, 5));
  EXPECT_EQ(tokenizer.decode(std::vector{7, 11, 5, 12}, {.skip_special_tokens = true}), "f <a>");

  const Tokenizer legacy = load(folder({{"tokenizer.json", cased_json()},
                                        {"added_tokens.json", R"({"<b>":12,"<a>":11})"},
                                        {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer"})"}}));
  EXPECT_EQ(legacy.token_to_id("<a>"), 11);
  EXPECT_EQ(legacy.token_to_id("<b>"), 12);
}

TEST(LoadTest, SplitSpecialTokens) {
  const Tokenizer tokenizer = bert("\"split_special_tokens\":true");
  EXPECT_THAT(tokens_of(tokenizer, "a [MASK]"), ElementsAre("a", "[", "mask", "]"));
}

TEST(LoadTest, VocabularyOfLines) {
  const Tokenizer tokenizer =
      load(folder({{"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfoo  \nbar\r\nfoo\n \n"}}));
  EXPECT_EQ(tokenizer.token_to_id("foo"), 7);  // the last of equal lines
  EXPECT_EQ(tokenizer.token_to_id("bar"), 6);
  EXPECT_EQ(tokenizer.token_to_id(""), 8);
  EXPECT_EQ(tokenizer.vocabulary_size(), 8);
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { tokenizer.id_to_token(5); }),
              HasSubstr("no token has the id 5; the vocabulary has 8 entries"));
  EXPECT_EQ(tokenizer.encode("Foo").ids, (std::vector{2, 7, 3}));
}

TEST(LoadTest, MissingSpecialTokensAreAdded) {
  const Tokenizer tokenizer =
      load(folder({{"vocab.txt", "a\nb\n"},
                   {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer","unk_token":"<u>"})"}}));
  EXPECT_EQ(tokenizer.vocabulary_size(), 7);
  EXPECT_EQ(tokenizer.unknown_id(), 2);  // in the reference's order: unk, sep, pad, cls, mask
  EXPECT_EQ(tokenizer.mask_id(), 6);
}

TEST(LoadTest, OldFilesWithoutTypeAndWithoutDefaults) {
  const Tokenizer tokenizer =
      load(folder({{"tokenizer.json", with_model(std::string(R"({"vocab":)") + kVocabulary + "}")},
                   {"config.json", R"({"model_type":"bert"})"}}));
  EXPECT_THAT(tokens_of(tokenizer, "Fooo"), ElementsAre("foo", "##o"));
}

TEST(LoadErrorTest, Folders) {
  EXPECT_THAT(message_of(ErrorKind::io, [] { load("/no/such/place"); }),
              HasSubstr("there is no model folder /no/such/place"));
  const fs::path path = folder({{"vocab.txt", "a\n"}});
  EXPECT_THAT(message_of(ErrorKind::io, [&] { load(path / "vocab.txt"); }), HasSubstr("expected a folder"));
  EXPECT_THAT(message_of(ErrorKind::input, [&] { load(fresh_folder()); }),
              HasSubstr("has neither tokenizer.json nor vocab.txt"));
  EXPECT_THAT(message_of(ErrorKind::input,
                         [&] {
                           load(folder({{"spiece.model", ""}}));
                         }),
              HasSubstr("spiece.model alone does not say how text is split"));
  EXPECT_THAT(message_of(ErrorKind::input,
                         [&] {
                           load(folder({{"vocab.txt", ""}}));
                         }),
              HasSubstr("the vocabulary is empty"));
  EXPECT_THAT(message_of(ErrorKind::input,
                         [&] {
                           load(folder({{"vocab.txt", "a\nb\xff\n"}}));
                         }),
              HasSubstr("vocab.txt:2: not valid UTF-8"));
  EXPECT_THAT(message_of(ErrorKind::input,
                         [&] {
                           load(folder({{"vocab.txt", std::string((size_t{1} << 22) + 1, '\n')}}));
                         }),
              HasSubstr("vocab.txt: more than 4194304 lines"));
}

TEST(LoadErrorTest, Json) {
  EXPECT_THAT(error_of_json(""), HasSubstr("is empty"));
  EXPECT_THAT(error_of_json("{"), HasSubstr("is not valid JSON"));
  EXPECT_THAT(error_of_json("{\"model\":\"\xff\"}"), HasSubstr("is not valid JSON"));
  EXPECT_THAT(error_of_json("[]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(error_of_json("{}"), HasSubstr("\"model\" is missing"));
  for (const std::string version : {"\"2.0\"", "\"\"", "1.0", "null"})
    EXPECT_THAT(error_of_json(R"({"version":)" + version + "}"),
                HasSubstr("version must be \"1.0\", the only one there is, got " + version));
  EXPECT_THAT(error_of_json(std::string(5000, '[')), HasSubstr("nested deeper than 128"));
  EXPECT_THAT(error_of_json(R"({"x":)" + std::string(200, '[') + std::string(200, ']') + "}"),
              HasSubstr("nested deeper than 128"));
  EXPECT_THAT(error_of_json(R"({"decoder":null,"decoder":null})"), HasSubstr("the key \"decoder\" stands twice"));
  EXPECT_THAT(error_of_json(with_model("3")), HasSubstr("model must be an object"));
  EXPECT_THAT(error_of_json(with_model("{}")), HasSubstr("\"vocab\" is missing"));
  EXPECT_THAT(error_of_json(with_model(R"({"vocab":{},"vocab":{}})")), HasSubstr("the key \"vocab\" stands twice"));
  EXPECT_THAT(error_of_json(with_model(R"({"type":"WordLevel","vocab":{}})")),
              HasSubstr("the type WordLevel is not supported; supported are WordPiece, BPE and Unigram"));
  EXPECT_THAT(error_of_json(with_model(R"({"type":"WordPiece","vocab":[]})")),
              HasSubstr("must be an object of tokens and ids"));
  EXPECT_THAT(error_of_json(with_model(R"({"vocab":{},"unk_token":7})")),
              HasSubstr("unk_token must be a string, got 7"));
  EXPECT_THAT(error_of_json(with_model(R"({"vocab":{},"max_input_chars_per_word":-1})")),
              HasSubstr("max_input_chars_per_word must be at least 0"));
}

TEST(LoadErrorTest, Ids) {
  EXPECT_THAT(error_of_json(with_vocabulary(R"({"a":-1})")), HasSubstr("the id -1 does not lie in [0, 4194304)"));
  EXPECT_THAT(error_of_json(with_vocabulary(R"({"a":4194304})")), HasSubstr("the id 4194304 does not lie in"));
  EXPECT_THAT(error_of_json(with_vocabulary(R"({"a":1e3})")),
              HasSubstr("the id of a must be a whole number, got 1000"));
  EXPECT_THAT(error_of_json(with_vocabulary(R"({"a":18446744073709551615})")),
              HasSubstr("the id of a must be a whole number"));
  EXPECT_THAT(error_of_json(with_vocabulary(R"({"a":1,"b":1})")), HasSubstr("the tokens a and b have the same id 1"));
  EXPECT_THAT(error_of_json(with_vocabulary(R"({"a":1,"a":2})")), HasSubstr("the token a stands there twice"));
  EXPECT_THAT(error_of_json(with_vocabulary(R"({"a":0,"b":2})", R"("added_tokens":[{"id":1,"content":"<x>"}])")),
              HasSubstr("the added token <x> would get id 2, which b has; the vocabulary's ids must have no gaps"));
  // Gaps alone do no harm.
  const Tokenizer gaps = load(folder({{"tokenizer.json", with_vocabulary(R"({"a":3,"[UNK]":4000000})")}}));
  EXPECT_THAT(gaps.encode("a b").ids, ElementsAre(4000000));  // no pre-tokenizer: the text is one word
  EXPECT_EQ(gaps.decode(std::vector{3, 5, 4000000}), "a [UNK]");
}

TEST(LoadErrorTest, Components) {
  const auto error = [](const std::string& member) { return error_of_json(with_vocabulary(kVocabulary, member)); };
  EXPECT_THAT(error(R"("normalizer":{"type":"Sequence","normalizers":[{"type":"Nmt"}]})"),
              HasSubstr("normalizer: the type Nmt is not supported; supported are BertNormalizer, NFC"));
  EXPECT_THAT(error(R"("normalizer":{"type":"Sequence"})"), HasSubstr("\"normalizers\" must be a list"));
  EXPECT_THAT(error(R"("normalizer":{})"), HasSubstr("\"type\" is missing"));
  EXPECT_THAT(error(R"("normalizer":[])"), HasSubstr("expected a JSON object, got array"));
  EXPECT_THAT(error(R"("normalizer":{"type":"BertNormalizer","lowercase":1})"),
              HasSubstr("lowercase must be true or false, got 1"));
  EXPECT_THAT(error(R"("normalizer":{"type":"BertNormalizer","lowercase":true,"lowercase":false})"),
              HasSubstr("stands twice"));
  EXPECT_THAT(error(R"("pre_tokenizer":{"type":"FixedLength"})"),
              HasSubstr("the type FixedLength is not supported; supported are BertPreTokenizer"));
  EXPECT_THAT(error(R"("pre_tokenizer":{"type":"Punctuation","behavior":"Merged"})"),
              HasSubstr("behavior: the type Merged is not supported"));
  EXPECT_THAT(
      error(R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"ByteLevel"}]})"),
      HasSubstr("ByteLevel may stand there once"));
  EXPECT_THAT(error(R"("decoder":{"type":"CTC"})"),
              HasSubstr("the type CTC is not supported; supported are WordPiece"));
  EXPECT_THAT(error(R"("added_tokens":{})"), HasSubstr("added_tokens must be a list"));
  EXPECT_THAT(error(R"("added_tokens":["x"])"), HasSubstr("added_tokens must hold objects, got \"x\""));
  EXPECT_THAT(error(R"("added_tokens":[{"id":3}])"),
              HasSubstr("a token must be a string or an object with \"content\""));
  EXPECT_THAT(error(R"("added_tokens":[{"id":-3,"content":"x"}])"), HasSubstr("the id -3 does not lie in"));
  EXPECT_THAT(
      error(
          R"("normalizer":{"type":"BertNormalizer"},"added_tokens":[{"id":11,"content":"\u200b","normalized":true}])"),
      HasSubstr("nothing is left of the added token"));
}

TEST(LoadErrorTest, Templates) {
  const auto error = [](const std::string& post) {
    return error_of_json(with_vocabulary(kVocabulary, "\"post_processor\":" + post));
  };
  const std::string a = R"({"Sequence":{"id":"A","type_id":0}})", b = R"({"Sequence":{"id":"B","type_id":1}})";
  const auto templates = [&](const std::string& single, const std::string& pair, const std::string& tokens) {
    return error(R"({"type":"TemplateProcessing","single":)" + single + ",\"pair\":" + pair +
                 ",\"special_tokens\":" + tokens + "}");
  };
  const std::string cls = R"({"SpecialToken":{"id":"[CLS]","type_id":0}})";
  EXPECT_THAT(error(R"({"type":"Other"})"),
              HasSubstr("the type Other is not supported; supported are TemplateProcessing"));
  const std::string bert = R"({"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]})";
  const std::string trims = R"({"type":"ByteLevel","trim_offsets":true})";
  EXPECT_THAT(error(R"({"type":"Sequence","processors":[)" + bert + "," + bert + "]}"),
              HasSubstr("only one of several processors may put tokens around a text"));
  for (const std::string& parts : {trims + "," + trims, bert + "," + trims})
    EXPECT_THAT(error(R"({"type":"Sequence","processors":[)" + parts + "]}"), HasSubstr("offsets may be trimmed once"));
  EXPECT_THAT(error(R"({"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]"]})"),
              HasSubstr("\"cls\" must be a token and its id"));
  EXPECT_THAT(error(R"({"type":"BertProcessing","sep":["[SEP]","x"],"cls":["[CLS]",2]})"),
              HasSubstr("an id must be a whole number, got \"x\""));
  EXPECT_THAT(error(R"({"type":"TemplateProcessing"})"), HasSubstr("\"single\" must be a list"));
  EXPECT_THAT(templates("[3]", "[]", "{}"), HasSubstr("expected a JSON object, got number"));
  EXPECT_THAT(templates("[{}]", "[]", "{}"), HasSubstr("must hold objects with the key Sequence or SpecialToken"));
  EXPECT_THAT(templates(R"([{"Sequence":{"id":"C"}}])", "[]", "{}"), HasSubstr("a Sequence must be A or B, got C"));
  EXPECT_THAT(templates("[]", "[]", "{}"), HasSubstr("\"single\" must hold the sequence A alone"));
  EXPECT_THAT(templates("[" + a + "," + b + "]", "[]", "{}"), HasSubstr("\"single\" must hold the sequence A alone"));
  EXPECT_THAT(templates("[" + a + "," + a + "]", "[]", "{}"),
              HasSubstr("\"single\" holds the sequence A twice; each may stand there once"));
  EXPECT_THAT(templates("[" + a + "]", "[" + a + "]", "{}"), HasSubstr("\"pair\" must hold the sequences A and B"));
  EXPECT_THAT(templates("[" + a + "]", "[]", "[]"), HasSubstr("\"special_tokens\" must be an object"));
  EXPECT_THAT(templates("[" + cls + "," + a + "]", "[]", "{}"),
              HasSubstr("the template names the token [CLS], which special_tokens lacks"));
  EXPECT_THAT(templates("[" + cls + "," + a + "]", "[]", R"({"[CLS]":{"id":"[CLS]","tokens":["[CLS]"]}})"),
              HasSubstr("\"ids\" must be a list"));
  EXPECT_THAT(
      templates("[" + cls + "," + a + "]", "[]", R"({"[CLS]":{"id":"[CLS]","ids":[9999999],"tokens":["[CLS]"]}})"),
      HasSubstr("the id 9999999 does not lie in"));
}

TEST(LoadErrorTest, TemplatesAreBounded) {
  const auto error = [](size_t mentions, size_t ids, const std::string& text) {
    Json single = Json::array();
    for (size_t i = 0; i < mentions; ++i) single.push_back({{"SpecialToken", {{"id", "[CLS]"}, {"type_id", 0}}}});
    single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
    const Json token = {{"id", "[CLS]"}, {"ids", std::vector<int>(ids, 2)}, {"tokens", std::vector(ids, text)}};
    const Json post = {{"type", "TemplateProcessing"},
                       {"single", single},
                       {"pair", Json::array()},
                       {"special_tokens", {{"[CLS]", token}}}};
    return error_of_json(with_vocabulary(kVocabulary, "\"post_processor\":" + post.dump()));
  };
  const auto unbounded = HasSubstr("are supported");
  EXPECT_THAT(error(4'096, 1, "[CLS]"), testing::AllOf(HasSubstr("tokenizer.json"),
                                                       HasSubstr("the pieces of \"single\" are 4,097; at most 4,096")));
  EXPECT_THAT(error(1, 4'097, "[CLS]"), HasSubstr("the ids or texts of [CLS] are 4,097; at most 4,096"));
  EXPECT_THAT(error(17, 4'000, "[CLS]"),
              HasSubstr("the ids of all tokens that \"single\" names are 68,000; at most 65,536"));
  EXPECT_THAT(error(3, 1'000, std::string(10'000, 'x')),
              HasSubstr("the bytes of all tokens that \"single\" names are 16,780,000; at most 16,777,216"));
  // What lies within loads up to what else is wrong with it: the sequence B is missing.
  for (const auto& [mentions, ids] : {std::pair(4'095, 1), std::pair(1, 4'096), std::pair(16, 4'096)})
    EXPECT_THAT(error(static_cast<size_t>(mentions), static_cast<size_t>(ids), "[CLS]"),
                testing::AllOf(HasSubstr("\"pair\" must hold the sequences A and B"), testing::Not(unbounded)));
}

TEST(LoadErrorTest, SettingsFiles) {
  const auto error = [](const char* name, const std::string& content) {
    return message_of(ErrorKind::input, [&] {
      load(folder({{"tokenizer.json", with_vocabulary(kVocabulary)}, {name, content}}));
    });
  };
  EXPECT_THAT(error("tokenizer_config.json", "[]"), HasSubstr("expected a JSON object, got array"));
  EXPECT_THAT(error("tokenizer_config.json", "{"), HasSubstr("is not valid JSON"));
  EXPECT_THAT(error("tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer","do_lower_case":"no"})"),
              HasSubstr("do_lower_case must be true or false"));
  EXPECT_THAT(error("tokenizer_config.json", R"({"model_max_length":"x"})"),
              HasSubstr("model_max_length must be a whole number"));
  EXPECT_THAT(error("tokenizer_config.json", R"({"mask_token":3})"),
              HasSubstr("mask_token: expected a JSON object, got number"));
  EXPECT_THAT(error("tokenizer_config.json", R"({"added_tokens_decoder":[]})"),
              HasSubstr("added_tokens_decoder must be an object"));
  EXPECT_THAT(error("tokenizer_config.json", R"({"added_tokens_decoder":{"x":{"content":"y"}}})"),
              HasSubstr("the id x is not a whole number"));
  EXPECT_THAT(error("tokenizer_config.json", R"({"additional_special_tokens":"x"})"),
              HasSubstr("additional_special_tokens must be a list, got string"));
  EXPECT_THAT(error("added_tokens.json", R"({"x":-1})"), HasSubstr("the id of x does not lie in"));
}

TEST(UnknownTokenTest, MissingAndNeeded) {
  const Tokenizer tokenizer = load(folder({{"tokenizer.json", with_vocabulary(R"({"a":0})")}}));
  EXPECT_THAT(tokenizer.encode("a").ids, ElementsAre(0));
  EXPECT_THAT(message_of(ErrorKind::input, [&] { tokenizer.encode("b"); }),
              HasSubstr("the vocabulary lacks the unknown token [UNK]"));
}

TEST(UnknownTokenTest, WordLimits) {
  const auto limited = [](const std::string& limit) {
    return load(folder({{"tokenizer.json", with_model(std::string(R"({"type":"WordPiece","vocab":)") + kVocabulary +
                                                      ",\"max_input_chars_per_word\":" + limit + "}")}}));
  };
  EXPECT_THAT(limited("2").encode("foo").ids, ElementsAre(1));
  EXPECT_THAT(limited("3").encode("foo").ids, ElementsAre(5));
  EXPECT_THAT(limited("0").encode("f").ids, ElementsAre(1));
  EXPECT_EQ(limited("9223372036854775807").encode("f" + std::string(300000, 'o')).ids.size(), 299999u);  // foo, ##o, …
}

}  // namespace
}  // namespace tekio::test
