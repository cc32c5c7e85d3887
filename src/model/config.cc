// config.json in and out. What we do not support is refused by name rather than ignored: a model that computes
// something else than its config says would be worse than none. Numbers are bounded here, so that no later product of
// sizes overflows.
#include "model/config.h"

#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/foreign_file.h"
#include "model/family.h"
#include "model/modern_config.h"

namespace tekio {
namespace {

// Far above any model of this kind, and low enough that every count of bytes fits int64.
constexpr int64_t kMostVocabulary = 1 << 24, kMostWidth = 1 << 16, kMostInner = 1 << 20, kMostLayers = 1 << 10;
constexpr int64_t kMostHeads = 1 << 12,
                  kMostPositions = 1 << 20;  // dropout's rows pack both into 32 bits (compute/dropout.h)
constexpr int64_t kMostTypes = 1 << 16;

constexpr double kInitializerRange = 0.02;
constexpr const char* kTied = "tie_word_embeddings";

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

void refuse_unsupported(const JsonReader& reader, const FamilyTable& table, const std::string& where) {
  const auto refuse_true = [&](const char* key, const char* what) {
    if (reader.boolean(key).value_or(false))
      fail(ErrorKind::input, "{}: {} is true, but {} are not supported", where, key, what);
  };
  refuse_true("is_decoder", "decoders");
  refuse_true("add_cross_attention", "models with cross attention");
  const std::string positions = reader.string("position_embedding_type").value_or("absolute");
  if (table.traits.positions != PositionRule::rotary && positions != "absolute")
    fail(ErrorKind::input, "{}: position_embedding_type is \"{}\", but only \"absolute\" is supported", where,
         printable(positions));
  if (reader.find("quantization_config") != nullptr)
    fail(ErrorKind::input,
         "{}: quantization_config is set, but quantized models are not supported; use the original weights", where);
  if (const Json* pruned = reader.find("pruned_heads"); pruned != nullptr && !pruned->empty())
    fail(ErrorKind::input, "{}: pruned_heads is set, but models with pruned heads are not supported", where);
}

// "BertForMaskedLM" and "BertModel" are BERT's; "BertGenerationEncoder" and "RobertaPreLayerNormModel" are none's.
const FamilyTable* find_architecture(std::string_view name) {
  for (const FamilyTable& table : families()) {
    const std::string_view own = table.architecture;
    const std::string_view stem = own.substr(0, own.find("For"));
    if (!name.starts_with(stem)) continue;
    const std::string_view rest = name.substr(stem.size());
    if (rest.starts_with("For") || rest == "Model" || rest == "LMHeadModel") return &table;
  }
  return nullptr;
}

// Where model_type is missing: configs of 2019 have `architectures` at most.
const FamilyTable& guess_family(ModelConfig& config, const JsonReader& reader, const std::string& where,
                                const ModelConfig::FindFamily& find_family) {
  if (const Json* list = reader.find("architectures"); list != nullptr && list->is_array() && !list->empty()) {
    const std::string name = list->front().is_string() ? list->front().get<std::string>() : "";
    const FamilyTable* table = find_architecture(name);
    if (table == nullptr)
      fail(ErrorKind::input,
           "{}: model_type is missing, and architectures names \"{}\", which is not supported; supported are {}", where,
           printable(name), supported_families());
    config.notes.push_back(fmt::format("{}: model_type is missing: \"{}\" is taken for it, as architectures names {}",
                                       where, table->model_type, printable(name)));
    return *table;
  }
  if (const std::optional<Family> found = find_family ? find_family() : std::nullopt) {
    const FamilyTable& table = table_of(*found);
    config.notes.push_back(fmt::format(
        "{}: model_type and architectures are missing: model_type \"{}\" is taken, as the weights have the names of {}",
        where, table.model_type, table.shown));
    return table;
  }
  fail(ErrorKind::input, "{}: model_type is missing{}; supported are {}", where,
       find_family ? ", and neither architectures nor the weights' names tell it" : "", supported_families());
}

const FamilyTable& read_family(ModelConfig& config, const JsonReader& reader, const std::string& where,
                               const ModelConfig::FindFamily& find_family) {
  const auto type = reader.string("model_type");
  if (!type) return guess_family(config, reader, where, find_family);
  const FamilyTable* table = tekio::find_family(*type);
  if (table == nullptr)
    fail(ErrorKind::input, "{}: model_type \"{}\" is not supported; supported are {}", where, printable(*type),
         supported_families());
  return *table;
}

// A size that a family has, or whose default the reference writes; else `other`.
int64_t size_or(const JsonReader& reader, const char* key, const Json& defaults, int64_t most, int64_t other,
                const std::string& where) {
  if (key == nullptr) return other;
  if (reader.find(key) == nullptr && defaults.contains(key)) return defaults.at(key).get<int64_t>();
  return size_at(reader, key, most, where);
}

// Layers that share weights: `groups` of them, each of `inner_layers` that follow each other.
void read_sharing(ModelConfig& config, const JsonReader& reader, const ConfigKeys& keys, const Json& defaults,
                  const std::string& where) {
  if (keys.layer_groups == nullptr) return;
  const int64_t groups = size_or(reader, keys.layer_groups, defaults, kMostLayers, 0, where);
  config.inner_layers = size_or(reader, keys.inner_layers, defaults, kMostLayers, 1, where);
  if (groups > config.layers || config.layers * config.inner_layers > kMostLayers)
    fail(ErrorKind::input,
         "{}: {} = {} layers in {} = {} groups of {} = {}; expected no more groups than layers, and at "
         "most {} layers in all",
         where, keys.layers, config.layers, keys.layer_groups, groups, keys.inner_layers, config.inner_layers,
         kMostLayers);
  config.shared_layers = groups * config.inner_layers;
  config.layers *= config.inner_layers;
}

void read_sizes(ModelConfig& config, const JsonReader& reader, const FamilyTable& table, const Json& defaults,
                const std::string& where) {
  const ConfigKeys& keys = table.keys;
  config.vocabulary = size_at(reader, keys.vocabulary, kMostVocabulary, where);
  config.width = size_at(reader, keys.width, kMostWidth, where);
  config.layers = size_at(reader, keys.layers, kMostLayers, where);
  config.heads = size_at(reader, keys.heads, kMostHeads, where);
  config.inner = size_at(reader, keys.inner, kMostInner, where);
  config.max_positions = defaults.contains(keys.max_positions)
                             ? size_or(reader, keys.max_positions, defaults, kMostPositions, 0, where)
                             : size_at(reader, keys.max_positions, kMostPositions, where);
  config.embedding_width = size_or(reader, keys.embedding_width, defaults, kMostWidth, config.width, where);
  config.projects = table.traits.always_projects || config.embedding_width != config.width;
  read_sharing(config, reader, keys, defaults, where);
  if (config.width % config.heads != 0)
    fail(ErrorKind::input, "{}: {} is {}, which {} = {} does not divide", where, keys.width, config.width, keys.heads,
         config.heads);
}

Activation activation_at(const JsonReader& reader, const char* key, const Json& defaults, const std::string& where) {
  const std::string name = reader.string(key).value_or(defaults.at(key).get<std::string>());
  const Activation* known = find_activation(name);
  if (known == nullptr)
    fail(ErrorKind::input, "{}: {} \"{}\" is not supported; supported are {}", where, key, printable(name),
         supported_activations());
  return *known;
}

void read_activations(ModelConfig& config, const JsonReader& reader, const FamilyTable& table, const Json& defaults,
                      const std::string& where) {
  config.activation = activation_at(reader, table.keys.activation, defaults, where);
  if (table.keys.head_activation != nullptr)
    config.head_activation = activation_at(reader, table.keys.head_activation, defaults, where);
  else
    config.head_activation = table.traits.gelu_head ? Activation::gelu : config.activation;
}

// The rates of the sites behind attention and feed-forward: hidden_dropout's, or in ModernBERT attention_dropout's.
void spread_dropout(ModelConfig& config) {
  const Traits& traits = table_of(config.family).traits;
  config.attention_output_dropout = traits.drops_attention_output ? config.hidden_dropout : 0;
  config.output_dropout = traits.drops_output ? config.hidden_dropout : 0;
  if (traits.pre_norm) config.attention_output_dropout = config.attention_dropout;
}

void read_rates(ModelConfig& config, const JsonReader& reader, const ConfigKeys& keys, const Json& defaults,
                const std::string& where) {
  if (keys.norm_epsilon != nullptr) {
    const double epsilon = reader.number(keys.norm_epsilon).value_or(defaults.at(keys.norm_epsilon).get<double>());
    if (!(epsilon >= 0 && epsilon < 1))
      fail(ErrorKind::input, "{}: {} is {}; expected 0 or more and below 1", where, keys.norm_epsilon, epsilon);
    config.norm_epsilon = static_cast<float>(epsilon);
  }
  config.hidden_dropout = rate_at(reader, keys.hidden_dropout, defaults.at(keys.hidden_dropout).get<double>(), where);
  config.attention_dropout =
      rate_at(reader, keys.attention_dropout, defaults.at(keys.attention_dropout).get<double>(), where);
  spread_dropout(config);
  config.initializer_range = reader.number("initializer_range").value_or(kInitializerRange);
  if (!(config.initializer_range >= 0 && config.initializer_range < 100))
    fail(ErrorKind::input, "{}: initializer_range is {}; expected 0 or more and below 100", where,
         config.initializer_range);
  if (config.initializer_range == 0) config.initializer_range = kInitializerRange;
}

void read_padding(ModelConfig& config, const JsonReader& reader, const ConfigKeys& keys, const Json& defaults,
                  const std::string& where) {
  const bool no_padding = config.document.contains("pad_token_id") && config.document["pad_token_id"].is_null();
  const int64_t padding =
      no_padding ? -1 : reader.integer("pad_token_id").value_or(defaults.at("pad_token_id").get<int64_t>());
  const char* const by_default = config.document.contains("pad_token_id") ? "" : ", as where it is missing";
  if (padding < -1 || padding >= config.vocabulary)
    fail(ErrorKind::input, "{}: pad_token_id is {}{}; expected the padding token's id, below {} = {}", where, padding,
         by_default, keys.vocabulary, config.vocabulary);
  config.padding_id = static_cast<int32_t>(padding);
  config.position_rule = table_of(config.family).traits.positions;
  if (config.position_rule != PositionRule::behind_padding) return;
  if (padding < 0)
    fail(ErrorKind::input, "{}: pad_token_id is {}; expected an id, as positions are counted from it", where,
         no_padding ? "null" : "-1");
  if (config.longest_input() < 1)
    fail(ErrorKind::input, "{}: {} is {}; expected more than pad_token_id = {} and one, as positions begin behind it",
         where, keys.max_positions, config.max_positions, padding);
}

}  // namespace

ModelConfig ModelConfig::from_json(const Json& document, const std::string& where, const FindFamily& find_family) {
  ModelConfig config;
  const FamilyTable& table = read_family(config, JsonReader(document, where), where, find_family);
  config.family = table.family;
  config.document = document;
  resolve_aliases(config.document, table, where);
  const JsonReader reader(config.document, where);
  refuse_unsupported(reader, table, where);

  const ConfigKeys& keys = table.keys;
  const Json defaults = Json::parse(table.defaults);
  read_sizes(config, reader, table, defaults, where);
  if (keys.type_vocabulary != nullptr) {
    if (reader.find(keys.type_vocabulary) == nullptr)
      config.document[keys.type_vocabulary] = defaults.at(keys.type_vocabulary);
    config.type_vocabulary = size_at(reader, keys.type_vocabulary, kMostTypes, where);
  }
  read_rates(config, reader, keys, defaults, where);
  read_activations(config, reader, table, defaults, where);
  if (keys.sinusoidal_positions != nullptr)
    config.sinusoidal_positions = reader.boolean(keys.sinusoidal_positions).value_or(false);
  config.tied = reader.boolean(kTied).value_or(true);
  read_padding(config, reader, keys, defaults, where);
  if (table.traits.pre_norm) read_modern_layers(config, reader, where);
  return config;
}

ModelConfig ModelConfig::from_folder(const std::filesystem::path& folder, const FindFamily& find_family) {
  const std::filesystem::path path = folder / "config.json";
  const std::string where = printable(path.string(), 300);
  if (const std::string link = dangling_link(path); !link.empty())
    fail(ErrorKind::input, "{} {}; download the model again", where, link);
  if (is_missing(path))
    fail(ErrorKind::input, "{} is not a model folder: it has no config.json", printable(folder.string(), 300));
  if (const std::string foreign = foreign_content_of(path); !foreign.empty())
    fail(ErrorKind::input, "{} {}", where, foreign);
  return from_json(read_json(path), where, find_family);
}

int64_t ModelConfig::weights_of_layer(int64_t layer) const {
  if (shared_layers == 0) return layer;
  // The reference's int(i / (layers / groups)), in double like Python.
  const double outer = static_cast<double>(layers / inner_layers),
               groups = static_cast<double>(shared_layers / inner_layers);
  const auto group = static_cast<int64_t>(static_cast<double>(layer / inner_layers) / (outer / groups));
  return group * inner_layers + layer % inner_layers;
}

void ModelConfig::untie() { tied = false; }  // the document says what config.json did

void ModelConfig::set_vocabulary(int64_t rows) {
  if (rows < 1 || rows > kMostVocabulary)
    fail(ErrorKind::usage, "a vocabulary of {} entries; expected 1 to {}", rows, kMostVocabulary);
  vocabulary = rows;
  document[table_of(family).keys.vocabulary] = rows;
}

void ModelConfig::set_dropout(double rate) {
  if (!(rate >= 0 && rate < 1)) fail(ErrorKind::usage, "a dropout rate of {}; expected 0 or more and below 1", rate);
  const ConfigKeys& keys = table_of(family).keys;
  hidden_dropout = attention_dropout = static_cast<float>(rate);
  spread_dropout(*this);
  document[keys.hidden_dropout] = document[keys.attention_dropout] = rate;
  if (rate == 0 && feed_forward_dropout > 0) {
    feed_forward_dropout = 0;
    document["mlp_dropout"] = rate;
  }
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
  if (!tied) out[kTied] = false;
  if (table.traits.pre_norm) write_older_keys(*this, out);
  out["architectures"] = Json::array({table.architecture});
  out["model_type"] = table.model_type;
  out["dtype"] = "float32";
  if (!out.contains("transformers_version")) out["transformers_version"] = kTransformersVersion;
  return pretty_json(out);
}

}  // namespace tekio
