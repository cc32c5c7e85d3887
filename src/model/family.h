// Model families as tables: what a family calls its config keys and its tensors. A family is data, not a class.
// Beside these tables only config.h (enum Family) and text/tokenizer_class.cc (classes of tokenizers) name families.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/config.h"

namespace tekio {

/// config.json's keys; a key that a family lacks is nullptr.
struct ConfigKeys {
  const char *vocabulary, *width, *layers, *heads, *inner, *max_positions, *type_vocabulary;
  const char *embedding_width, *layer_groups, *inner_layers;
  const char *activation, *head_activation, *norm_epsilon;  ///< no head_activation: as the layers'
  const char *hidden_dropout, *attention_dropout;
  const char* sinusoidal_positions;
};

/// What a family does that no config says.
struct Traits {
  bool drops_attention_output = true;  ///< hidden_dropout also acts on the attention's output
  bool drops_output = true;            ///< and on the feed-forward's output
  PositionRule positions = PositionRule::index;
  bool gelu_head = false;           ///< the head's activation is gelu, whatever the config says
  bool always_projects = false;     ///< from the embeddings' width, even where it is the layers' own
  bool head_comes_first = false;    ///< transformers 5 lists the head's matrix as the tied one, and counts it
  bool loss_counts_tokens = false;  ///< transformers takes the mean over all of an update's masked tokens
  bool pre_norm = false;            ///< pre-norm layers, gated and with rotary positions, as ModernBERT has them
};

/// Modules of schema.h, without ".weight" and ".bias"; the layers' stand behind `layer` + number + "." (in groups:
/// `layer` + group + "." + `inner_layer` + number + ".").
struct TensorNames {
  const char *word, *position, *type, *embedding_norm, *project;
  const char *layer, *inner_layer;
  const char *query, *key, *value, *out, *norm1, *up, *down, *norm2;  ///< no key: query names all three in one tensor
  /// Pre-norm layers: norm2 stands before the next layer and is named with it; this is the whole name of the last one.
  const char* final_norm;
  const char *transform, *head_norm;
  const char* head_bias;     ///< whole name
  bool head_bias_first;      ///< among the head's parameters
  const char* decoder;       ///< whole name of the head's matrix; a tied one is not saved
  const char* decoder_bias;  ///< whole name of the decoder's copy of head_bias; nullptr: none
};

struct Alias {
  const char *alias, *key;
};

struct FamilyTable {
  Family family;
  const char* model_type;    ///< config.json's "model_type"
  const char* shown;         ///< for people
  const char* architecture;  ///< config.json's "architectures"
  const char* base_prefix;   ///< what a bare encoder's files leave out
  ConfigKeys keys;
  Traits traits;
  std::span<const Alias> aliases;
  const char* defaults;  ///< JSON: what the reference writes where a config.json says nothing
  TensorNames names;
};

/// What the names of a layer's modules begin with. `inner_layers`: how many a group has, where there are groups.
std::string layer_prefix(const TensorNames& names, int64_t layer, int64_t inner_layers);

std::span<const FamilyTable> families();
const FamilyTable& table_of(Family family);
/// nullptr if there is no such family.
const FamilyTable* find_family(std::string_view model_type);
/// "distilbert, bert, …", for messages.
std::string supported_families();

/// The activation of that name in the reference's registry; nullptr if Tekio has none such.
const Activation* find_activation(std::string_view name);
std::string supported_activations();

}  // namespace tekio
