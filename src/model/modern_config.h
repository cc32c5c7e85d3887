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

}  // namespace tekio
