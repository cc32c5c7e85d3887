// config.json in and out. What we do not support is refused by name rather than ignored: a model that computes
// something else than its config says would be worse than none. Numbers are bounded here, so that no later product of
// sizes overflows.
#include "model/config.h"

#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "model/family.h"

namespace tekio {
namespace {

// Far above any model of this kind, and low enough that every count of bytes fits int64.
constexpr int64_t kMostVocabulary = 1 << 24, kMostWidth = 1 << 16, kMostInner = 1 << 20, kMostLayers = 1 << 10;
constexpr int64_t kMostHeads = 1 << 12,
                  kMostPositions = 1 << 20;  // dropout's rows pack both into 32 bits (compute/dropout.h)
constexpr int64_t kMostTypes = 1 << 16;

constexpr double kInitializerRange = 0.02;

// Stands in config.json where the source names no version: the one whose behaviour we follow.
constexpr const char* kTransformersVersion = "5.23.0";

int64_t size_at(const JsonReader& reader, const char* key, int64_t most, const std::string& where) {
  const auto value = reader.integer(key);
  if (!value) fail(ErrorKind::input, "{}: {} is missing; expected a whole number from 1 to {}", where, key, most);
  if (*value < 1 || *value > most)
    fail(ErrorKind::input, "{}: {} is {}; expected a whole number from 1 to {}", where, key, *value, most);
  return *value;
}

float rate_at(const JsonReader& reader, const char* key, double fallback, const std::string& where) {
  const double rate = reader.number(key).value_or(fallback);
  if (!(rate >= 0 && rate < 1))
    fail(ErrorKind::input, "{}: {} is {}; expected a dropout rate, 0 or more and below 1", where, key, rate);
  return static_cast<float>(rate);
}

// An alias stands for its key, unless both are there and disagree.
void resolve_aliases(Json& document, const FamilyTable& table, const std::string& where) {
  for (const Alias& alias : table.aliases) {
    const auto at = document.find(alias.alias);
    if (at == document.end()) continue;
    const auto key = document.find(alias.key);
    if (key != document.end() && *key != *at)
      fail(ErrorKind::input, "{}: {} and its other name {} disagree; remove one of them", where, alias.key,
           alias.alias);
    document[alias.key] = *at;
    document.erase(alias.alias);
  }
}

void refuse_unsupported(const JsonReader& reader, const std::string& where) {
  const auto refuse_true = [&](const char* key, const char* what) {
    if (reader.boolean(key).value_or(false))
      fail(ErrorKind::input, "{}: {} is true, but {} are not supported", where, key, what);
  };
  refuse_true("is_decoder", "decoders");
  refuse_true("add_cross_attention", "models with cross attention");
  const std::string positions = reader.string("position_embedding_type").value_or("absolute");
  if (positions != "absolute")
    fail(ErrorKind::input, "{}: position_embedding_type is \"{}\", but only \"absolute\" is supported", where,
         printable(positions));
  if (!reader.boolean("tie_word_embeddings").value_or(true))
    fail(ErrorKind::input, "{}: tie_word_embeddings is false, but only heads tied to the word embeddings are supported",
         where);
  if (reader.find("quantization_config") != nullptr)
    fail(ErrorKind::input,
         "{}: quantization_config is set, but quantized models are not supported; use the original weights", where);
  if (const Json* pruned = reader.find("pruned_heads"); pruned != nullptr && !pruned->empty())
    fail(ErrorKind::input, "{}: pruned_heads is set, but models with pruned heads are not supported", where);
}

}  // namespace

ModelConfig ModelConfig::from_json(const Json& document, const std::string& where) {
  const JsonReader first(document, where);
  const auto type = first.string("model_type");
  if (!type) fail(ErrorKind::input, "{}: model_type is missing; supported are {}", where, supported_families());
  const FamilyTable* table = find_family(*type);
  if (table == nullptr)
    fail(ErrorKind::input, "{}: model_type \"{}\" is not supported; supported are {}", where, printable(*type),
         supported_families());

  ModelConfig config;
  config.family = table->family;
  config.document = document;
  resolve_aliases(config.document, *table, where);
  const JsonReader reader(config.document, where);
  refuse_unsupported(reader, where);

  const ConfigKeys& keys = table->keys;
  config.vocabulary = size_at(reader, keys.vocabulary, kMostVocabulary, where);
  config.width = size_at(reader, keys.width, kMostWidth, where);
  config.layers = size_at(reader, keys.layers, kMostLayers, where);
  config.heads = size_at(reader, keys.heads, kMostHeads, where);
  config.inner = size_at(reader, keys.inner, kMostInner, where);
  config.max_positions = size_at(reader, keys.max_positions, kMostPositions, where);
  if (config.width % config.heads != 0)
    fail(ErrorKind::input, "{}: {} is {}, which {} = {} does not divide", where, keys.width, config.width, keys.heads,
         config.heads);

  const Json defaults = Json::parse(table->defaults);
  if (keys.type_vocabulary != nullptr) {
    if (reader.find(keys.type_vocabulary) == nullptr)
      config.document[keys.type_vocabulary] = defaults.at(keys.type_vocabulary);
    config.type_vocabulary = size_at(reader, keys.type_vocabulary, kMostTypes, where);
  }
  if (keys.norm_epsilon != nullptr) {
    const double epsilon = reader.number(keys.norm_epsilon).value_or(defaults.at(keys.norm_epsilon).get<double>());
    if (!(epsilon >= 0 && epsilon < 1))
      fail(ErrorKind::input, "{}: {} is {}; expected 0 or more and below 1", where, keys.norm_epsilon, epsilon);
    config.norm_epsilon = static_cast<float>(epsilon);
  }
  const std::string activation =
      reader.string(keys.activation).value_or(defaults.at(keys.activation).get<std::string>());
  const Activation* known = find_activation(activation);
  if (known == nullptr)
    fail(ErrorKind::input, "{}: {} \"{}\" is not supported; supported are {}", where, keys.activation,
         printable(activation), supported_activations());
  config.activation = *known;
  config.hidden_dropout = rate_at(reader, keys.hidden_dropout, defaults.at(keys.hidden_dropout).get<double>(), where);
  config.attention_dropout =
      rate_at(reader, keys.attention_dropout, defaults.at(keys.attention_dropout).get<double>(), where);
  config.attention_output_dropout = keys.drops_attention_output ? config.hidden_dropout : 0;
  config.initializer_range = reader.number("initializer_range").value_or(kInitializerRange);
  if (!(config.initializer_range >= 0 && config.initializer_range < 100))
    fail(ErrorKind::input, "{}: initializer_range is {}; expected 0 or more and below 100", where,
         config.initializer_range);
  if (config.initializer_range == 0) config.initializer_range = kInitializerRange;
  if (keys.sinusoidal_positions != nullptr)
    config.sinusoidal_positions = reader.boolean(keys.sinusoidal_positions).value_or(false);

  const bool no_padding = config.document.contains("pad_token_id") && config.document["pad_token_id"].is_null();
  const int64_t padding = no_padding ? -1 : reader.integer("pad_token_id").value_or(0);
  if (padding < -1 || padding >= config.vocabulary)
    fail(ErrorKind::input, "{}: pad_token_id is {}; expected an id below {} = {}", where, padding, keys.vocabulary,
         config.vocabulary);
  config.padding_id = static_cast<int32_t>(padding);
  return config;
}

ModelConfig ModelConfig::from_folder(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "config.json";
  if (is_missing(path))
    fail(ErrorKind::input, "{} is no model folder: it has no config.json", printable(folder.string(), 300));
  return from_json(read_json(path), printable(path.string(), 300));
}

void ModelConfig::set_dropout(double rate) {
  if (!(rate >= 0 && rate < 1)) fail(ErrorKind::usage, "a dropout rate of {}; expected 0 or more and below 1", rate);
  const ConfigKeys& keys = table_of(family).keys;
  hidden_dropout = attention_dropout = static_cast<float>(rate);
  attention_output_dropout = keys.drops_attention_output ? hidden_dropout : 0;
  document[keys.hidden_dropout] = document[keys.attention_dropout] = rate;
}

std::string ModelConfig::to_json() const {
  const FamilyTable& table = table_of(family);
  Json out = Json::parse(table.defaults);
  for (const auto& [key, value] : document.items()) out[key] = value;
  // The reference leaves out what equals its base class's defaults, and what it keeps under a newer name.
  static const Json kLeftOut =
      Json::parse(R"({"chunk_size_feed_forward": 0, "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
      "is_encoder_decoder": false, "label2id": {"LABEL_0": 0, "LABEL_1": 1}, "output_attentions": false, "output_hidden_states": false,
      "problem_type": null, "return_dict": true})");
  for (const auto& [key, value] : kLeftOut.items())
    if (const auto at = out.find(key); at != out.end() && *at == value) out.erase(key);
  out.erase("_name_or_path");
  out.erase("torch_dtype");
  out["architectures"] = Json::array({table.architecture});
  out["model_type"] = table.model_type;
  out["dtype"] = "float32";
  if (!out.contains("transformers_version")) out["transformers_version"] = kTransformersVersion;
  return pretty_json(out);
}

}  // namespace tekio
