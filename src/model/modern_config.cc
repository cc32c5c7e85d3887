#include "model/modern_config.h"

#include "base/error.h"
#include "base/log.h"

namespace tekio {
namespace {

constexpr const char *kFull = "full_attention", *kSliding = "sliding_attention";
constexpr const char *kEvery = "global_attn_every_n_layers", *kLocal = "local_attention";
constexpr const char *kGlobalTheta = "global_rope_theta", *kLocalTheta = "local_rope_theta";
constexpr double kGlobalBase = 160'000, kLocalBase = 10'000;
constexpr int64_t kEveryByDefault = 3, kWidestWindow = int64_t{1} << 30;

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

// What rope_scaling says of layers of either type, as the reference writes it over all else.
double theta_of_scaling(const JsonReader& reader, double fallback, const std::string& where) {
  const Json* const scaling = reader.find("rope_scaling");
  if (scaling == nullptr) return fallback;
  const std::string place = where + ": rope_scaling";
  const JsonReader own(*scaling, place);
  require_default(own, place);
  return theta_at(own, "rope_theta", fallback, place);
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
  const int64_t every = reader.integer(kEvery).value_or(kEveryByDefault);
  if (every < 1) fail(ErrorKind::input, "{}: {} is {}; expected 1 or more", where, kEvery, every);
  for (int64_t layer = 0; layer < config.layers; ++layer) sliding.push_back(layer % every != 0);
  return sliding;
}

// Another name for half of local_attention, which it wins over in the reference; saved under that one name, as there.
void take_sliding_window(ModelConfig& config, const JsonReader& reader, const std::string& where) {
  constexpr const char* kWindow = "sliding_window";
  if (const std::optional<int64_t> half = reader.integer(kWindow)) {
    if (*half < 1 || *half > kWidestWindow / 2)
      fail(ErrorKind::input, "{}: {} is {}; expected 1 to 2^29", where, kWindow, *half);
    config.document[kLocal] = 2 * *half;
  }
  config.document.erase(kWindow);
}

// The number N with which every N-th layer, from the first on, is one that sees everything: that of `document`, if it
// is one; 0: there is none.
int64_t layers_between_full(const ModelConfig& config, const Json& document) {
  const auto fits = [&](int64_t every) {
    for (int64_t layer = 0; layer < config.layers; ++layer)
      if ((config.attention_of(layer).window > 0) != (layer % every != 0)) return false;
    return true;
  };
  const auto at = document.find(kEvery);
  const int64_t now = at != document.end() && at->is_number_integer() ? at->get<int64_t>() : kEveryByDefault;
  if (now > 0 && fits(now)) return now;
  int64_t every = 1;
  while (every < config.layers && config.attention_of(every).window > 0) ++every;
  return fits(every) ? every : 0;
}

}  // namespace

void read_modern_layers(ModelConfig& config, const JsonReader& reader, const std::string& where) {
  config.pre_norm = config.gated = true;
  const double rate = reader.number("mlp_dropout").value_or(0);
  if (!(rate >= 0 && rate < 1))
    fail(ErrorKind::input, "{}: mlp_dropout is {}; expected 0 or more and below 1", where, rate);
  config.feed_forward_dropout = static_cast<float>(rate);
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
  take_sliding_window(config, reader, where);
  const int64_t local = reader.integer(kLocal).value_or(128);
  if (local < 2 || local > kWidestWindow)
    fail(ErrorKind::input, "{}: {} is {}; expected 2 to 2^30", where, kLocal, local);
  const double global_theta = read_theta(reader, kFull, kGlobalTheta, kGlobalBase, where);
  const double local_theta =
      read_theta(reader, kSliding, kLocalTheta, is_null(config, kLocalTheta) ? global_theta : kLocalBase, where);
  const LayerAttention full{0, theta_of_scaling(reader, global_theta, where)};
  const LayerAttention window{local / 2, theta_of_scaling(reader, local_theta, where)};
  for (const bool sliding : read_layer_types(config, reader, where))
    config.attention.push_back(sliding ? window : full);
}

void write_older_keys(const ModelConfig& config, Json& out) {
  // A key that is missing stays so where the older version then takes just this: transformers 5 has files like that.
  const auto write = [&](const char* key, double by_default, const auto& value) {
    const auto at = out.find(key);
    if (at == out.end() ? by_default != static_cast<double>(value) : *at != value) out[key] = value;
  };
  const auto has = [&](const char* key) { return out.contains(key) && !out[key].is_null(); };
  if (has("rope_parameters") || has("rope_scaling"))
    for (const LayerAttention& layer : config.attention)
      write(layer.window > 0 ? kLocalTheta : kGlobalTheta, layer.window > 0 ? kLocalBase : kGlobalBase,
            layer.rope_theta);
  const int64_t every = layers_between_full(config, out);
  if (has("layer_types") && every > 0) write(kEvery, kEveryByDefault, every);
}

void warn_of_older_version(const ModelConfig& config) {
  if (config.attention.empty() || layers_between_full(config, config.document) > 0) return;
  warn(
      "Hugging Face transformers 4 computes something else with this model, as it passes over layer_types and takes "
      "every N-th layer, from the first on, for one that sees the whole text; open it with transformers 5");
}

}  // namespace tekio
