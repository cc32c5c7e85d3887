#include "model/modern_config.h"

#include "base/error.h"

namespace tekio {
namespace {

constexpr const char *kFull = "full_attention", *kSliding = "sliding_attention";

// Not missing: some keys mean something else then.
bool is_null(const ModelConfig& config, const char* key) {
  const auto at = config.document.find(key);
  return at != config.document.end() && at->is_null();
}

double theta_at(const JsonReader& reader, const char* key, double fallback, const std::string& where) {
  const double theta = reader.number(key).value_or(fallback);
  if (!(theta >= 1e-3 && theta < 1e30))  // beyond, frequencies leave float32
    fail(ErrorKind::input, "{}: {} is {}; expected a base of angles, 0.001 or more", where, key, theta);
  return theta;
}

// Angles that are stretched for longer texts are not supported. The key has two names.
void require_default(const JsonReader& reader, const std::string& place) {
  for (const char* key : {"rope_type", "type"})
    if (const std::string kind = reader.string(key).value_or("default"); kind != "default")
      fail(ErrorKind::input, "{}: {} is \"{}\", but only \"default\" is supported", place, key, printable(kind));
}

// Of layers of one type: what rope_parameters says of it, else what the older key does.
double read_theta(const JsonReader& reader, const char* type, const char* older, double fallback,
                  const std::string& where) {
  const double theta = theta_at(reader, older, fallback, where);
  const Json* const all = reader.find("rope_parameters");
  if (all == nullptr) return theta;
  const JsonReader types(*all, where + ": rope_parameters");
  const Json* const found = types.find(type);
  if (found == nullptr) return theta;
  const std::string place = fmt::format("{}: rope_parameters.{}", where, type);
  const JsonReader own(*found, place);
  require_default(own, place);
  return theta_at(own, "rope_theta", theta, place);
}

// Whether each layer sees a window only.
std::vector<bool> read_layer_types(const ModelConfig& config, const JsonReader& reader, const std::string& where) {
  std::vector<bool> sliding;
  if (const Json* const types = reader.find("layer_types"); types != nullptr && !types->is_null()) {
    if (!types->is_array() || static_cast<int64_t>(types->size()) != config.layers)
      fail(ErrorKind::input, "{}: layer_types is not a list of {} types, one for each layer", where, config.layers);
    for (const Json& type : *types) {
      const std::string name = type.is_string() ? type.get<std::string>() : "";
      if (name != kFull && name != kSliding)
        fail(ErrorKind::input, "{}: layer_types names {}; expected \"{}\" or \"{}\"", where, printable(type.dump()),
             kFull, kSliding);
      sliding.push_back(name == kSliding);
    }
    return sliding;
  }
  const int64_t every = reader.integer("global_attn_every_n_layers").value_or(3);
  if (every < 1) fail(ErrorKind::input, "{}: global_attn_every_n_layers is {}; expected 1 or more", where, every);
  for (int64_t layer = 0; layer < config.layers; ++layer) sliding.push_back(layer % every != 0);
  return sliding;
}

}  // namespace

void read_modern_layers(ModelConfig& config, const JsonReader& reader, const std::string& where) {
  config.pre_norm = config.gated = true;
  if (const double rate = reader.number("mlp_dropout").value_or(0); rate != 0)
    fail(ErrorKind::input,
         "{}: mlp_dropout is {}, but dropout between the feed-forward's products is not supported; "
         "set it to 0",
         where, rate);
  const auto flag = [&](const char* key, bool fallback) { return reader.boolean(key).value_or(fallback); };
  config.biases = {.attention = flag("attention_bias", false),
                   .feed_forward = flag("mlp_bias", false),
                   .norms = flag("norm_bias", false),
                   .transform = flag("classifier_bias", false),
                   .decoder = flag("decoder_bias", true)};
  config.initializer_cutoff = is_null(config, "initializer_cutoff_factor")
                                  ? 3  // the reference's, then
                                  : reader.number("initializer_cutoff_factor").value_or(2);
  if (!(config.initializer_cutoff >= 0.5 && config.initializer_cutoff < 100))
    fail(ErrorKind::input, "{}: initializer_cutoff_factor is {}; expected 0.5 to 100", where,
         config.initializer_cutoff);
  if (config.width / config.heads % 2 != 0)
    fail(ErrorKind::input, "{}: heads of {} numbers; expected an even number, as positions turn pairs", where,
         config.width / config.heads);
  const int64_t local = reader.integer("local_attention").value_or(128);
  if (local < 2 || local > int64_t{1} << 30)
    fail(ErrorKind::input, "{}: local_attention is {}; expected 2 to 2^30", where, local);
  if (const Json* const scaling = reader.find("rope_scaling"); scaling != nullptr)
    require_default(JsonReader(*scaling, where + ": rope_scaling"), where + ": rope_scaling");
  const double global_theta = read_theta(reader, kFull, "global_rope_theta", 160'000, where);
  const double local_theta = read_theta(reader, kSliding, "local_rope_theta",
                                        is_null(config, "local_rope_theta") ? global_theta : 10'000, where);
  for (const bool sliding : read_layer_types(config, reader, where))
    config.attention.push_back(sliding ? LayerAttention{local / 2, local_theta} : LayerAttention{0, global_theta});
}

}  // namespace tekio
