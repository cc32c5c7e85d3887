// What ModernBERT's config.json says beyond the sizes that all families have.
#pragma once

#include <string>

#include "base/json.h"
#include "model/config.h"

namespace tekio {

/// Fills in windows, rotations, biases and how weights begin, from the keys of both versions of the reference:
/// `layer_types` and `rope_parameters` (5.x), or `global_attn_every_n_layers`, `global_rope_theta` and
/// `local_rope_theta`. Errors (input): what is not supported, by name.
void read_modern_layers(ModelConfig& config, const JsonReader& reader, const std::string& where);

/// Says in the older keys too what `out`, the config.json to write, says in newer ones alone, which transformers 4
/// passes over. What the older keys cannot say is left out, of which warn_of_older_version() warns.
void write_older_keys(const ModelConfig& config, Json& out);
/// Where transformers 4 would take the saved model for another one.
void warn_of_older_version(const ModelConfig& config);

}  // namespace tekio
