// The tables. Sources: the reference's configuration_*.py and modeling_*.py of each family.
#include "model/family.h"

#include <array>

namespace tekio {
namespace {

constexpr Alias kDistilbertAliases[] = {
    {"hidden_size", "dim"}, {"num_attention_heads", "n_heads"}, {"num_hidden_layers", "n_layers"}};

constexpr FamilyTable kFamilies[] = {
    {.family = Family::distilbert,
     .model_type = "distilbert",
     .shown = "DistilBERT",
     .architecture = "DistilBertForMaskedLM",
     .base_prefix = "distilbert.",
     .keys = {.vocabulary = "vocab_size",
              .width = "dim",
              .layers = "n_layers",
              .heads = "n_heads",
              .inner = "hidden_dim",
              .max_positions = "max_position_embeddings",
              .type_vocabulary = nullptr,
              .activation = "activation",
              .norm_epsilon = nullptr,  // 1e-12, whatever the config says
              .hidden_dropout = "dropout",
              .attention_dropout = "attention_dropout",
              .sinusoidal_positions = "sinusoidal_pos_embds",
              .drops_attention_output = false},
     .aliases = kDistilbertAliases,
     .defaults =
         R"({"activation": "gelu", "attention_dropout": 0.1, "bos_token_id": null, "dropout": 0.1, "eos_token_id": null,
                     "initializer_range": 0.02, "pad_token_id": 0, "qa_dropout": 0.1, "seq_classif_dropout": 0.2,
                     "sinusoidal_pos_embds": false, "tie_word_embeddings": true})",
     .names = {.word = "distilbert.embeddings.word_embeddings",
               .position = "distilbert.embeddings.position_embeddings",
               .type = nullptr,
               .embedding_norm = "distilbert.embeddings.LayerNorm",
               .layer = "distilbert.transformer.layer.",
               .query = "attention.q_lin",
               .key = "attention.k_lin",
               .value = "attention.v_lin",
               .out = "attention.out_lin",
               .norm1 = "sa_layer_norm",
               .up = "ffn.lin1",
               .down = "ffn.lin2",
               .norm2 = "output_layer_norm",
               .transform = "vocab_transform",
               .head_norm = "vocab_layer_norm",
               .head_bias = "vocab_projector.bias",
               .head_bias_first = false,
               .decoder = "vocab_projector.weight",
               .decoder_bias = nullptr}},
    {.family = Family::bert,
     .model_type = "bert",
     .shown = "BERT",
     .architecture = "BertForMaskedLM",
     .base_prefix = "bert.",
     .keys = {.vocabulary = "vocab_size",
              .width = "hidden_size",
              .layers = "num_hidden_layers",
              .heads = "num_attention_heads",
              .inner = "intermediate_size",
              .max_positions = "max_position_embeddings",
              .type_vocabulary = "type_vocab_size",
              .activation = "hidden_act",
              .norm_epsilon = "layer_norm_eps",
              .hidden_dropout = "hidden_dropout_prob",
              .attention_dropout = "attention_probs_dropout_prob",
              .sinusoidal_positions = nullptr,
              .drops_attention_output = true},
     .aliases = {},
     .defaults =
         R"({"add_cross_attention": false, "attention_probs_dropout_prob": 0.1, "bos_token_id": null, "classifier_dropout": null,
                     "eos_token_id": null, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "is_decoder": false,
                     "layer_norm_eps": 1e-12, "pad_token_id": 0, "tie_word_embeddings": true, "type_vocab_size": 2, "use_cache": true})",
     .names = {.word = "bert.embeddings.word_embeddings",
               .position = "bert.embeddings.position_embeddings",
               .type = "bert.embeddings.token_type_embeddings",
               .embedding_norm = "bert.embeddings.LayerNorm",
               .layer = "bert.encoder.layer.",
               .query = "attention.self.query",
               .key = "attention.self.key",
               .value = "attention.self.value",
               .out = "attention.output.dense",
               .norm1 = "attention.output.LayerNorm",
               .up = "intermediate.dense",
               .down = "output.dense",
               .norm2 = "output.LayerNorm",
               .transform = "cls.predictions.transform.dense",
               .head_norm = "cls.predictions.transform.LayerNorm",
               .head_bias = "cls.predictions.bias",
               .head_bias_first = true,
               .decoder = "cls.predictions.decoder.weight",
               .decoder_bias = "cls.predictions.decoder.bias"}},
};

struct NamedActivation {
  const char* name;
  Activation activation;
};
constexpr NamedActivation kNamedActivations[] = {
    {"gelu", Activation::gelu},         {"gelu_fast", Activation::gelu_fast},
    {"gelu_new", Activation::gelu_new}, {"gelu_python", Activation::gelu},
    {"mish", Activation::mish},         {"gelu_pytorch_tanh", Activation::gelu_new},
    {"relu", Activation::relu},         {"quick_gelu", Activation::quick_gelu},
    {"silu", Activation::silu},         {"swish", Activation::silu},
    {"tanh", Activation::tanh},
};

}  // namespace

const FamilyTable& table_of(Family family) {
  for (const FamilyTable& table : kFamilies)
    if (table.family == family) return table;
  TEKIO_CHECK(false, "family {}", static_cast<int>(family));
  return kFamilies[0];
}

const FamilyTable* find_family(std::string_view model_type) {
  for (const FamilyTable& table : kFamilies)
    if (table.model_type == model_type) return &table;
  return nullptr;
}

std::string supported_families() {
  std::string names;
  for (const FamilyTable& table : kFamilies) names += (names.empty() ? "" : ", ") + std::string(table.model_type);
  return names;
}

const Activation* find_activation(std::string_view name) {
  for (const NamedActivation& known : kNamedActivations)
    if (known.name == name) return &known.activation;
  return nullptr;
}

std::string supported_activations() {
  std::string names;
  for (const NamedActivation& known : kNamedActivations) names += (names.empty() ? "" : ", ") + std::string(known.name);
  return names;
}

}  // namespace tekio
