// config.json: what is read, what is refused and with which words, and what is written back.
#include "model/modern_config.h"
#include "support.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

using ::testing::HasSubstr;

ModelConfig parse(const Json& document) { return ModelConfig::from_json(document, "config.json"); }
Json with(Json document, const char* key, const Json& value) {
  document[key] = value;
  return document;
}
Json without(Json document, const char* key) {
  document.erase(key);
  return document;
}

TEST(Config, ReadsDistilbert) {
  Json document = tiny_distilbert_json();
  document["dropout"] = 0.25;
  document["attention_dropout"] = 0.125;
  document["activation"] = "relu";
  const ModelConfig config = parse(document);
  EXPECT_EQ(config.family, Family::distilbert);
  EXPECT_EQ(config.vocabulary, 50);
  EXPECT_EQ(config.width, 16);
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.heads, 2);
  EXPECT_EQ(config.inner, 24);
  EXPECT_EQ(config.max_positions, 20);
  EXPECT_EQ(config.type_vocabulary, 0);
  EXPECT_FLOAT_EQ(config.hidden_dropout, 0.25f);
  EXPECT_FLOAT_EQ(config.attention_dropout, 0.125f);
  EXPECT_EQ(config.attention_output_dropout, 0);
  EXPECT_EQ(config.activation, Activation::relu);
  EXPECT_FLOAT_EQ(config.norm_epsilon, 1e-12f);
  EXPECT_EQ(config.padding_id, 0);
}

TEST(Config, ReadsBert) {
  Json document = tiny_bert_json();
  document["hidden_dropout_prob"] = 0.25;
  document["layer_norm_eps"] = 1e-5;
  document["pad_token_id"] = 3;
  const ModelConfig config = parse(document);
  EXPECT_EQ(config.family, Family::bert);
  EXPECT_EQ(config.type_vocabulary, 2);
  EXPECT_FLOAT_EQ(config.attention_output_dropout, 0.25f);
  EXPECT_FLOAT_EQ(config.norm_epsilon, 1e-5f);
  EXPECT_EQ(config.padding_id, 3);
  EXPECT_EQ(parse(with(document, "pad_token_id", nullptr)).padding_id, -1);
}

TEST(Config, RobertaCountsPositionsFromItsPadding) {
  const ModelConfig config = parse(with(with(tiny_bert_json(), "model_type", "roberta"), "pad_token_id", 0));
  EXPECT_EQ(config.padding_id, 0);
  EXPECT_EQ(config.longest_input(), config.max_positions - 1);
  const ModelConfig silent = parse(with(tiny_bert_json(), "model_type", "camembert"));
  EXPECT_EQ(silent.padding_id, 1);
  EXPECT_EQ(silent.longest_input(), silent.max_positions - 2);
  expect_error(ErrorKind::input, {"pad_token_id is null", "positions are counted from it"},
               [&] { parse(with(with(tiny_bert_json(), "model_type", "roberta"), "pad_token_id", nullptr)); });
  expect_error(ErrorKind::input, {"max_position_embeddings is 20", "pad_token_id = 19"},
               [&] { parse(with(with(tiny_bert_json(), "model_type", "roberta"), "pad_token_id", 19)); });
}

TEST(Config, AlbertsLayersShareWeights) {
  Json document = with(with(tiny_bert_json(), "model_type", "albert"), "embedding_size", 12);
  document["num_hidden_layers"] = 7;
  document["num_hidden_groups"] = 3;
  document["inner_group_num"] = 2;
  const ModelConfig config = parse(document);
  EXPECT_EQ(config.embedding_width, 12);
  EXPECT_TRUE(config.projects);
  EXPECT_EQ(config.layers, 14);
  EXPECT_EQ(config.weight_layers(), 6);
  std::vector<int64_t> groups;  // the reference's int(i / (7 / 3))
  for (int64_t layer = 0; layer < 14; layer += 2) {
    EXPECT_EQ(config.weights_of_layer(layer) % 2, 0);
    EXPECT_EQ(config.weights_of_layer(layer + 1), config.weights_of_layer(layer) + 1);
    groups.push_back(config.weights_of_layer(layer) / 2);
  }
  EXPECT_EQ(groups, (std::vector<int64_t>{0, 0, 0, 1, 1, 2, 2}));
  expect_error(ErrorKind::input, {"num_hidden_groups = 8", "no more groups than layers"},
               [&] { parse(with(document, "num_hidden_groups", 8)); });
}

Json tiny_modernbert_json() {
  return {{"model_type", "modernbert"}, {"vocab_size", 50},
          {"hidden_size", 16},          {"num_hidden_layers", 4},
          {"pad_token_id", 0},          {"num_attention_heads", 2},
          {"intermediate_size", 24},    {"position_embedding_type", "rope"}};
}

TEST(Config, ModernbertSpeaksBothVersions) {
  const Json sizes = tiny_modernbert_json();
  Json older = sizes, newer = sizes;
  older["global_attn_every_n_layers"] = 3;
  older["global_rope_theta"] = 5000;
  older["local_rope_theta"] = nullptr;
  older["local_attention"] = 10;
  newer["layer_types"] = {"full_attention", "sliding_attention", "sliding_attention", "full_attention"};
  newer["rope_parameters"] = {{"full_attention", {{"rope_theta", 5000.0}, {"rope_type", "default"}}},
                              {"sliding_attention", {{"rope_theta", 5000.0}, {"rope_type", "default"}}}};
  newer["local_attention"] = 10;
  for (const Json& document : {older, newer}) {
    const ModelConfig config = parse(document);
    EXPECT_EQ(config.longest_input(), 8192);
    EXPECT_EQ(config.position_rows(), 0);
    ASSERT_EQ(config.attention.size(), 4u);
    for (int64_t layer = 0; layer < 4; ++layer) {
      EXPECT_EQ(config.attention_of(layer).window, layer % 3 == 0 ? 0 : 5);
      EXPECT_EQ(config.attention_of(layer).rope_theta, 5000);
    }
    EXPECT_FALSE(config.biases.attention || config.biases.norms);
    EXPECT_TRUE(config.biases.decoder);
    EXPECT_FLOAT_EQ(config.norm_epsilon, 1e-5f);
  }
  EXPECT_EQ(parse(sizes).attention_of(1).rope_theta, 10'000);
  EXPECT_EQ(parse(sizes).attention_of(0).rope_theta, 160'000);
  const auto refused = [](const Json& document, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::input, parts, [&] { parse(document); });
  };
  refused(with(newer, "layer_types", {"full_attention"}), {"layer_types", "list of 4 types"});
  Json odd = newer;
  odd["layer_types"][1] = "chunked_attention";
  refused(odd, {"layer_types names", "chunked_attention", "sliding_attention"});
  odd = newer;
  odd["rope_parameters"]["full_attention"]["rope_type"] = "yarn";
  refused(odd, {"rope_parameters.full_attention", "\"yarn\"", "default"});
  odd["rope_parameters"]["full_attention"] = {{"type", "linear"}};
  refused(odd, {"rope_parameters.full_attention", "type is \"linear\""});
  refused(with(sizes, "rope_scaling", {{"type", "yarn"}, {"factor", 4.0}}), {"rope_scaling", "\"yarn\""});
  refused(with(sizes, "rope_parameters", 3), {"rope_parameters"});
  odd["rope_parameters"]["full_attention"] = nullptr;
  EXPECT_EQ(parse(odd).attention_of(0).rope_theta, 160'000);
  odd["rope_parameters"]["full_attention"] = {{"rope_type", "default"}};
  EXPECT_EQ(parse(with(odd, "global_rope_theta", 80'000)).attention_of(0).rope_theta, 80'000);
  refused(with(sizes, "local_attention", int64_t{1} << 40), {"local_attention is 1099511627776", "2 to 2^30"});
  refused(with(sizes, "vocab_size", 0), {"vocab_size is 0"});
  refused(without(sizes, "pad_token_id"), {"pad_token_id is 50283, as where it is missing"});
  refused(with(sizes, "mlp_dropout", 1), {"mlp_dropout is 1", "below 1"});
  ModelConfig dropping = parse(with(sizes, "mlp_dropout", 0.1));
  EXPECT_FLOAT_EQ(dropping.feed_forward_dropout, 0.1f);
  dropping.set_dropout(0.2);
  EXPECT_FLOAT_EQ(dropping.feed_forward_dropout, 0.1f);
  dropping.set_dropout(0);
  EXPECT_EQ(dropping.feed_forward_dropout, 0);
  EXPECT_EQ(parse(parse_json(dropping.to_json(), "again")).feed_forward_dropout, 0);
  refused(with(sizes, "global_rope_theta", -1), {"global_rope_theta is -1", "0.001 or more"});
  refused(with(sizes, "global_attn_every_n_layers", 0), {"global_attn_every_n_layers is 0"});
  refused(with(sizes, "local_attention", 1), {"local_attention is 1"});
  refused(with(sizes, "initializer_cutoff_factor", 0.0), {"initializer_cutoff_factor is 0"});
  refused(with(with(sizes, "hidden_size", 18), "num_attention_heads", 2), {"heads of 9 numbers", "even"});
}

// As ModernBertConfig of transformers 5.23.0 takes them.
TEST(Config, ModernbertTakesSlidingWindowAndThetaOfRopeScaling) {
  Json document = tiny_modernbert_json();
  document["local_attention"] = 30;
  document["sliding_window"] = 5;
  const ModelConfig config = parse(document);
  EXPECT_EQ(config.attention_of(1).window, 5);
  const Json saved = Json::parse(config.to_json());
  EXPECT_EQ(saved["local_attention"], 10);
  EXPECT_FALSE(saved.contains("sliding_window"));
  expect_error(ErrorKind::input, {"sliding_window is 0", "1 to 2^29"},
               [&] { parse(with(document, "sliding_window", 0)); });

  document = tiny_modernbert_json();
  document["global_rope_theta"] = 5;
  document["rope_parameters"] = {{"full_attention", {{"rope_theta", 3}}}, {"sliding_attention", {{"rope_theta", 4}}}};
  for (const Json& scaling : {Json{{"rope_type", "default"}, {"rope_theta", 88}}, Json{{"rope_theta", 88}}}) {
    const ModelConfig scaled = parse(with(document, "rope_scaling", scaling));
    EXPECT_EQ(scaled.attention_of(0).rope_theta, 88);
    EXPECT_EQ(scaled.attention_of(1).rope_theta, 88);
  }
  EXPECT_EQ(parse(with(document, "rope_scaling", {{"rope_type", "default"}})).attention_of(1).rope_theta, 4);
  expect_error(ErrorKind::input, {"rope_scaling: rope_theta is -1"}, [&] {
    parse(with(document, "rope_scaling", {{"rope_theta", -1}}));
  });
}

TEST(Config, SetsTheDropoutRatesThatAModernbertHas) {
  ModelConfig config = parse(tiny_modernbert_json());
  config.set_dropout(0.25);
  for (const float rate : {config.hidden_dropout, config.attention_dropout, config.attention_output_dropout})
    EXPECT_EQ(rate, 0.25f);
  EXPECT_EQ(config.output_dropout, 0);
  const Json saved = Json::parse(config.to_json());
  for (const char* key : {"embedding_dropout", "attention_dropout"}) EXPECT_EQ(saved[key], 0.25) << key;
  for (const char* key : {"mlp_dropout", "classifier_dropout"}) EXPECT_EQ(saved[key], 0) << key;
}

TEST(Config, ModernbertIsSavedForBothVersions) {
  constexpr const char* kOlder[] = {"global_attn_every_n_layers", "global_rope_theta", "local_rope_theta"};
  const Json plain = tiny_modernbert_json();
  const auto saved = [](const Json& document) { return Json::parse(parse(document).to_json()); };
  Json by_default = plain;  // what transformers 4 takes without being told
  by_default["rope_parameters"] = {{"full_attention", {{"rope_theta", 160'000}}},
                                   {"sliding_attention", {{"rope_theta", 10'000}}}};
  by_default["layer_types"] = {"full_attention", "sliding_attention", "sliding_attention", "full_attention"};
  for (const char* key : kOlder)
    for (const Json& document : {plain, by_default}) EXPECT_FALSE(saved(document).contains(key)) << key;
  EXPECT_EQ(saved(with(by_default, "local_rope_theta", nullptr))["local_rope_theta"], 10'000);
  Json newer = plain;
  newer["rope_parameters"] = {{"full_attention", {{"rope_theta", 300.0}}},
                              {"sliding_attention", {{"rope_theta", 55.5}}}};
  newer["layer_types"] = {"full_attention", "sliding_attention", "full_attention", "sliding_attention"};
  Json both = saved(newer);
  EXPECT_EQ(both["global_attn_every_n_layers"], 2);
  EXPECT_EQ(both["global_rope_theta"], 300);
  EXPECT_EQ(both["local_rope_theta"], 55.5);
  EXPECT_EQ(both["local_attention"], 128);
  EXPECT_EQ(both["layer_types"], newer["layer_types"]);
  EXPECT_EQ(both["rope_parameters"], newer["rope_parameters"]);
  // What both versions read alike stays; where they would not, the newer keys count.
  EXPECT_EQ(saved(with(newer, "global_rope_theta", 300))["global_rope_theta"].dump(), "300");
  EXPECT_EQ(saved(with(newer, "global_rope_theta", 7))["global_rope_theta"], 300);
  EXPECT_EQ(saved(with(newer, "local_rope_theta", nullptr))["local_rope_theta"], 55.5);
  EXPECT_EQ(saved(with(newer, "global_attn_every_n_layers", 3))["global_attn_every_n_layers"], 2);
  EXPECT_EQ(saved(with(plain, "rope_scaling", {{"rope_theta", 88}}))["local_rope_theta"], 88);
  const auto warned = [&](const Json& document) {
    const LogCapture log;
    warn_of_older_version(parse(document));
    return !log.text().empty();
  };
  EXPECT_FALSE(warned(plain));
  EXPECT_FALSE(warned(newer));
  const char *const f = "full_attention", *const s = "sliding_attention";
  for (const auto& [types, every] : std::vector<std::pair<Json, int>>{{{f, f, f, f}, 1},
                                                                      {{f, s, s, f}, 3},
                                                                      {{f, s, s, s}, 4},
                                                                      {{s, f, f, s}, 0},
                                                                      {{f, f, s, s}, 0},
                                                                      {{s, s, s, s}, 0}}) {
    const Json document = with(newer, "layer_types", types);
    EXPECT_EQ(warned(document), every == 0) << types;
    EXPECT_EQ(saved(document).value("global_attn_every_n_layers", 3), every == 0 ? 3 : every) << types;
  }
}

TEST(Config, TakesWhatTheClassSaysWhereTheFileIsSilent) {
  Json bert = tiny_bert_json();
  for (const char* key : {"type_vocab_size", "hidden_dropout_prob", "attention_probs_dropout_prob"}) bert.erase(key);
  const ModelConfig config = parse(bert);
  EXPECT_EQ(config.type_vocabulary, 2);
  EXPECT_FLOAT_EQ(config.hidden_dropout, 0.1f);
  EXPECT_FLOAT_EQ(config.attention_dropout, 0.1f);
  EXPECT_EQ(config.activation, Activation::gelu);
}

TEST(Config, KnowsDistilbertsOtherNames) {
  Json document = tiny_distilbert_json();
  for (const auto& [alias, key] :
       {std::pair("hidden_size", "dim"), {"num_attention_heads", "n_heads"}, {"num_hidden_layers", "n_layers"}}) {
    document[alias] = document[key];
    document.erase(key);
  }
  const ModelConfig config = parse(document);
  EXPECT_EQ(config.width, 16);
  EXPECT_THAT(config.to_json(), HasSubstr("\"n_layers\": 2"));
  EXPECT_THAT(config.to_json(), ::testing::Not(HasSubstr("num_hidden_layers")));
  document["dim"] = 32;
  expect_error(ErrorKind::input, {"dim", "hidden_size", "disagree"}, [&] { parse(document); });
}

TEST(Config, ActivationsByTheReferencesNames) {
  for (const auto& [name, activation] : {std::pair("gelu", Activation::gelu),
                                         {"gelu_new", Activation::gelu_new},
                                         {"gelu_pytorch_tanh", Activation::gelu_new},
                                         {"gelu_fast", Activation::gelu_fast},
                                         {"quick_gelu", Activation::quick_gelu},
                                         {"relu", Activation::relu},
                                         {"silu", Activation::silu},
                                         {"swish", Activation::silu},
                                         {"tanh", Activation::tanh},
                                         {"mish", Activation::mish},
                                         {"gelu_python", Activation::gelu}})
    EXPECT_EQ(parse(with(tiny_bert_json(), "hidden_act", name)).activation, activation) << name;
}

TEST(Config, RefusesByName) {
  const Json bert = tiny_bert_json(), distilbert = tiny_distilbert_json();
  const auto refused = [](const Json& document, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::input, parts, [&] { parse(document); });
  };
  refused(Json::array(), {"config.json", "object"});
  refused(without(bert, "model_type"), {"model_type is missing", "distilbert, bert"});
  refused(with(bert, "model_type", "t5\n"), {"model_type \"t5\\x0a\"", "distilbert, bert"});
  refused(with(bert, "model_type", 7), {"model_type"});
  refused(with(distilbert, "sinusoidal_pos_embds", 1), {"sinusoidal_pos_embds"});
  refused(with(bert, "position_embedding_type", "relative_key_query"),
          {"position_embedding_type", "relative_key_query"});
  refused(with(bert, "is_decoder", true), {"is_decoder"});
  refused(with(bert, "add_cross_attention", true), {"add_cross_attention"});
  refused(with(bert, "tie_word_embeddings", "no"), {"tie_word_embeddings"});
  refused(with(bert, "quantization_config", Json::object()), {"quantization_config"});
  refused(with(bert, "pruned_heads", {{"0", {1}}}), {"pruned_heads"});
  refused(with(bert, "hidden_act", "gelu_10"), {"hidden_act \"gelu_10\"", "quick_gelu"});
  refused(with(bert, "hidden_size", 17), {"hidden_size is 17", "num_attention_heads = 2"});
  refused(with(bert, "pad_token_id", 50), {"pad_token_id is 50"});
  refused(with(bert, "pad_token_id", -2), {"pad_token_id is -2"});
  refused(with(bert, "layer_norm_eps", -1e-12), {"layer_norm_eps"});
  refused(with(bert, "initializer_range", -1), {"initializer_range"});
  for (const double rate : {-0.1, 1.0, 1e300})
    refused(with(bert, "hidden_dropout_prob", rate), {"hidden_dropout_prob"});
  refused(with(distilbert, "attention_dropout", "0.1"), {"attention_dropout"});
}

TEST(Config, SaysHowWeightsBegin) {
  EXPECT_EQ(parse(with(tiny_bert_json(), "initializer_range", 0)).initializer_range, 0.02);  // as transformers 5
  EXPECT_EQ(parse(with(tiny_bert_json(), "initializer_range", 0.5)).initializer_range, 0.5);
  EXPECT_FALSE(parse(tiny_distilbert_json()).sinusoidal_positions);
  EXPECT_TRUE(parse(with(tiny_distilbert_json(), "sinusoidal_pos_embds", true)).sinusoidal_positions);
  EXPECT_FALSE(parse(with(tiny_bert_json(), "sinusoidal_pos_embds", true)).sinusoidal_positions);  // no key of BERT's
}

TEST(Config, RefusesHostileSizes) {
  for (const char* key : {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                          "max_position_embeddings"}) {
    expect_error(ErrorKind::input, {key, "missing"}, [&] { parse(without(tiny_bert_json(), key)); });
    for (const Json& value : {Json(0), Json(-5), Json(int64_t{1} << 40), Json(INT64_MAX), Json(UINT64_MAX), Json(1e30),
                              Json(2.5), Json("16"), Json(true)})
      expect_error(ErrorKind::input, {key}, [&] { parse(with(tiny_bert_json(), key, value)); });
  }
  expect_error(ErrorKind::input, {"type_vocab_size is 0"},
               [&] { parse(with(tiny_bert_json(), "type_vocab_size", 0)); });
}

TEST(Config, NamesTheFile) {
  const ScratchFolder folder;
  expect_error(ErrorKind::input, {"it has no config.json"}, [&] { ModelConfig::from_folder(folder.path()); });
  folder.write("config.json", "{\"model_type\": \"bert\"");
  expect_error(ErrorKind::input, {"config.json", "JSON"}, [&] { ModelConfig::from_folder(folder.path()); });
}

// Expected text: what transformers 5.23 writes after reading the same document.
TEST(Config, WritesWhatTheReferenceWrites) {
  Json document = Json::parse(
      R"({"architectures": ["BertModel"], "attention_probs_dropout_prob": 0.1, "gradient_checkpointing": false, "hidden_act": "gelu",
      "hidden_dropout_prob": 0.1, "hidden_size": 16, "initializer_range": 0.02, "intermediate_size": 32, "layer_norm_eps": 1e-12,
      "max_position_embeddings": 512, "model_type": "bert", "num_attention_heads": 2, "num_hidden_layers": 1, "pad_token_id": 0,
      "position_embedding_type": "absolute", "type_vocab_size": 2, "use_cache": true, "vocab_size": 300, "_name_or_path": "x", "torch_dtype": "float16",
      "foo": {"b": 1, "a": []}, "id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"LABEL_0": 0, "LABEL_1": 1}, "zz": null,
      "output_attentions": false, "output_past": true, "return_dict": true})");
  EXPECT_EQ(parse(document).to_json(), R"({
  "add_cross_attention": false,
  "architectures": [
    "BertForMaskedLM"
  ],
  "attention_probs_dropout_prob": 0.1,
  "bos_token_id": null,
  "classifier_dropout": null,
  "dtype": "float32",
  "eos_token_id": null,
  "foo": {
    "a": [],
    "b": 1
  },
  "gradient_checkpointing": false,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "hidden_size": 16,
  "initializer_range": 0.02,
  "intermediate_size": 32,
  "is_decoder": false,
  "layer_norm_eps": 1e-12,
  "max_position_embeddings": 512,
  "model_type": "bert",
  "num_attention_heads": 2,
  "num_hidden_layers": 1,
  "output_past": true,
  "pad_token_id": 0,
  "position_embedding_type": "absolute",
  "tie_word_embeddings": true,
  "transformers_version": "5.23.0",
  "type_vocab_size": 2,
  "use_cache": true,
  "vocab_size": 300,
  "zz": null
}
)");
  document["transformers_version"] = "4.8.2";
  EXPECT_THAT(parse(document).to_json(), HasSubstr("\"transformers_version\": \"4.8.2\""));
}

TEST(Config, SetDropoutReachesTheSavedFile) {
  ModelConfig config = parse(with(tiny_bert_json(), "hidden_dropout_prob", 0.1));
  config.set_dropout(0.25);
  EXPECT_FLOAT_EQ(config.hidden_dropout, 0.25f);
  EXPECT_FLOAT_EQ(config.attention_dropout, 0.25f);
  EXPECT_FLOAT_EQ(config.attention_output_dropout, 0.25f);
  const ModelConfig read = parse(parse_json(config.to_json(), "again"));
  EXPECT_FLOAT_EQ(read.hidden_dropout, 0.25f);
  EXPECT_FLOAT_EQ(read.attention_dropout, 0.25f);
  expect_error(ErrorKind::usage, {"a dropout rate of 1; expected 0 or more and below 1"},
               [&] { config.set_dropout(1.0); });
}

// A config of 2019 says `architectures` at most.
TEST(Config, TakesTheFamilyFromElsewhereWhereItIsMissing) {
  const auto refused = [](const Json& document, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::input, parts, [&] { parse(document); });
  };
  const auto old = [](const Json& architectures) {
    Json document = without(tiny_bert_json(), "model_type");
    if (!architectures.is_null()) document["architectures"] = architectures;
    return document;
  };
  for (const char* name : {"BertForMaskedLM", "BertModel", "BertForPreTraining", "BertLMHeadModel"}) {
    const ModelConfig config = parse(old({name}));
    EXPECT_EQ(config.family, Family::bert);
    ASSERT_EQ(config.notes.size(), 1u);
    EXPECT_EQ(
        config.notes[0],
        fmt::format("config.json: model_type is missing: \"bert\" is taken for it, as architectures names {}", name));
    EXPECT_EQ(Json::parse(config.to_json())["model_type"], "bert");
  }
  Json distilbert = without(tiny_distilbert_json(), "model_type");
  distilbert["architectures"] = {"DistilBertModel"};
  EXPECT_EQ(parse(distilbert).family, Family::distilbert);
  EXPECT_EQ(parse(old({"XLMRobertaForMaskedLM"})).family, Family::xlm_roberta);
  for (const char* name : {"RobertaPreLayerNormForMaskedLM", "BertGenerationEncoder", "BertJapaneseForMaskedLM", ""})
    refused(old({name}), {"model_type is missing, and architectures names", "distilbert, bert"});
  refused(old(Json::array()), {"config.json: model_type is missing; supported are"});
  const ModelConfig told = ModelConfig::from_json(old(nullptr), "config.json", [] { return Family::bert; });
  ASSERT_EQ(told.notes.size(), 1u);
  EXPECT_THAT(told.notes[0], ::testing::HasSubstr("model_type and architectures are missing: model_type \"bert\""));
  expect_error(ErrorKind::input, {"neither architectures nor the weights' names tell it"},
               [&] { ModelConfig::from_json(old(nullptr), "config.json", [] { return std::nullopt; }); });
  EXPECT_TRUE(parse(tiny_bert_json()).notes.empty());
}

}  // namespace
}  // namespace tekio::test
