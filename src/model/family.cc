// The tables. Sources: the reference's configuration_*.py and modeling_*.py of each family.
#include "model/family.h"

#include <array>

namespace tekio {
namespace {

constexpr Alias kDistilbertAliases[] = {
    {"hidden_size", "dim"}, {"num_attention_heads", "n_heads"}, {"num_hidden_layers", "n_layers"}};

// What BERT and its kin call things.
constexpr ConfigKeys kBertKeys = {.vocabulary = "vocab_size",
                                  .width = "hidden_size",
                                  .layers = "num_hidden_layers",
                                  .heads = "num_attention_heads",
                                  .inner = "intermediate_size",
                                  .max_positions = "max_position_embeddings",
                                  .type_vocabulary = "type_vocab_size",
                                  .embedding_width = nullptr,
                                  .layer_groups = nullptr,
                                  .inner_layers = nullptr,
                                  .activation = "hidden_act",
                                  .head_activation = nullptr,
                                  .norm_epsilon = "layer_norm_eps",
                                  .hidden_dropout = "hidden_dropout_prob",
                                  .attention_dropout = "attention_probs_dropout_prob",
                                  .sinusoidal_positions = nullptr};
constexpr ConfigKeys with_embedding_width(ConfigKeys keys) {
  keys.embedding_width = "embedding_size";
  return keys;
}
constexpr ConfigKeys in_groups(ConfigKeys keys) {
  keys.layer_groups = "num_hidden_groups";
  keys.inner_layers = "inner_group_num";
  return keys;
}

// The encoder's tensors with BERT's names behind `prefix`es; the head's are each family's own.
constexpr TensorNames bert_layers(TensorNames names) {
  names.query = "attention.self.query";
  names.key = "attention.self.key";
  names.value = "attention.self.value";
  names.out = "attention.output.dense";
  names.norm1 = "attention.output.LayerNorm";
  names.up = "intermediate.dense";
  names.down = "output.dense";
  names.norm2 = "output.LayerNorm";
  return names;
}

constexpr const char* kBertDefaults =
    R"({"add_cross_attention": false, "attention_probs_dropout_prob": 0.1, "bos_token_id": null, "classifier_dropout": null,
        "eos_token_id": null, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "is_decoder": false,
        "layer_norm_eps": 1e-12, "pad_token_id": 0, "tie_word_embeddings": true, "type_vocab_size": 2, "use_cache": true})";
constexpr const char* kRobertaDefaults =
    R"({"add_cross_attention": false, "attention_probs_dropout_prob": 0.1, "bos_token_id": 0, "classifier_dropout": null,
        "eos_token_id": 2, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "is_decoder": false,
        "layer_norm_eps": 1e-12, "pad_token_id": 1, "tie_word_embeddings": true, "type_vocab_size": 2, "use_cache": true})";
constexpr const char* kElectraDefaults =
    R"({"add_cross_attention": false, "attention_probs_dropout_prob": 0.1, "bos_token_id": null, "classifier_dropout": null,
        "embedding_size": 128, "eos_token_id": null, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "initializer_range": 0.02,
        "is_decoder": false, "layer_norm_eps": 1e-12, "pad_token_id": 0, "summary_activation": "gelu", "summary_last_dropout": 0.1,
        "summary_type": "first", "summary_use_proj": true, "tie_word_embeddings": true, "type_vocab_size": 2, "use_cache": true})";
constexpr const char* kAlbertDefaults =
    R"({"attention_probs_dropout_prob": 0.0, "bos_token_id": 2, "classifier_dropout_prob": 0.1, "embedding_size": 128,
        "eos_token_id": 3, "hidden_act": "gelu_new", "hidden_dropout_prob": 0.0, "initializer_range": 0.02, "inner_group_num": 1,
        "layer_norm_eps": 1e-12, "num_hidden_groups": 1, "pad_token_id": 0, "tie_word_embeddings": true, "type_vocab_size": 2})";

// Without layer_types and rope_parameters, whose older names a config may have instead.
constexpr const char* kModernbertDefaults =
    R"({"attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 50281, "classifier_activation": "gelu",
        "classifier_bias": false, "classifier_dropout": 0.0, "classifier_pooling": "cls", "cls_token_id": 50281, "decoder_bias": true,
        "deterministic_flash_attn": false, "embedding_dropout": 0.0, "eos_token_id": 50282, "hidden_activation": "gelu",
        "initializer_cutoff_factor": 2.0, "initializer_range": 0.02, "local_attention": 128, "max_position_embeddings": 8192,
        "mlp_bias": false, "mlp_dropout": 0.0, "norm_bias": false, "norm_eps": 1e-05, "pad_token_id": 50283, "sep_token_id": 50282,
        "sparse_pred_ignore_index": -100, "sparse_prediction": false, "tie_word_embeddings": true})";

// RoBERTa, and the families that are RoBERTa under another name.
constexpr FamilyTable roberta(Family family, const char* model_type, const char* shown, const char* architecture,
                              bool head_comes_first) {
  return {
      .family = family,
      .model_type = model_type,
      .shown = shown,
      .architecture = architecture,
      .base_prefix = "roberta.",
      .keys = kBertKeys,
      .traits = {.positions = PositionRule::behind_padding, .gelu_head = true, .head_comes_first = head_comes_first},
      .aliases = {},
      .defaults = kRobertaDefaults,
      .names = bert_layers({.word = "roberta.embeddings.word_embeddings",
                            .position = "roberta.embeddings.position_embeddings",
                            .type = "roberta.embeddings.token_type_embeddings",
                            .embedding_norm = "roberta.embeddings.LayerNorm",
                            .layer = "roberta.encoder.layer.",
                            .transform = "lm_head.dense",
                            .head_norm = "lm_head.layer_norm",
                            .head_bias = "lm_head.bias",
                            .head_bias_first = true,
                            .decoder = "lm_head.decoder.weight",
                            .decoder_bias = "lm_head.decoder.bias"})};
}

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
              .embedding_width = nullptr,
              .layer_groups = nullptr,
              .inner_layers = nullptr,
              .activation = "activation",
              .head_activation = nullptr,
              .norm_epsilon = nullptr,  // 1e-12, whatever the config says
              .hidden_dropout = "dropout",
              .attention_dropout = "attention_dropout",
              .sinusoidal_positions = "sinusoidal_pos_embds"},
     .traits = {.drops_attention_output = false},
     .aliases = kDistilbertAliases,
     .defaults =
         R"({"activation": "gelu", "attention_dropout": 0.1, "bos_token_id": null, "dropout": 0.1, "eos_token_id": null,
                     "initializer_range": 0.02, "pad_token_id": 0, "qa_dropout": 0.1, "seq_classif_dropout": 0.2,
                     "sinusoidal_pos_embds": false, "tie_word_embeddings": true})",
     .names = {.word = "distilbert.embeddings.word_embeddings",
               .position = "distilbert.embeddings.position_embeddings",
               .type = nullptr,
               .embedding_norm = "distilbert.embeddings.LayerNorm",
               .project = nullptr,
               .layer = "distilbert.transformer.layer.",
               .inner_layer = nullptr,
               .query = "attention.q_lin",
               .key = "attention.k_lin",
               .value = "attention.v_lin",
               .out = "attention.out_lin",
               .norm1 = "sa_layer_norm",
               .up = "ffn.lin1",
               .down = "ffn.lin2",
               .norm2 = "output_layer_norm",
               .final_norm = nullptr,
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
     .keys = kBertKeys,
     .traits = {},
     .aliases = {},
     .defaults = kBertDefaults,
     .names = bert_layers({.word = "bert.embeddings.word_embeddings",
                           .position = "bert.embeddings.position_embeddings",
                           .type = "bert.embeddings.token_type_embeddings",
                           .embedding_norm = "bert.embeddings.LayerNorm",
                           .layer = "bert.encoder.layer.",
                           .transform = "cls.predictions.transform.dense",
                           .head_norm = "cls.predictions.transform.LayerNorm",
                           .head_bias = "cls.predictions.bias",
                           .head_bias_first = true,
                           .decoder = "cls.predictions.decoder.weight",
                           .decoder_bias = "cls.predictions.decoder.bias"})},
    roberta(Family::roberta, "roberta", "RoBERTa", "RobertaForMaskedLM", false),
    roberta(Family::xlm_roberta, "xlm-roberta", "XLM-RoBERTa", "XLMRobertaForMaskedLM", true),
    roberta(Family::camembert, "camembert", "CamemBERT", "CamembertForMaskedLM", true),
    {.family = Family::electra,
     .model_type = "electra",
     .shown = "ELECTRA",
     .architecture = "ElectraForMaskedLM",
     .base_prefix = "electra.",
     .keys = with_embedding_width(kBertKeys),
     .traits = {.gelu_head = true},
     .aliases = {},
     .defaults = kElectraDefaults,
     .names = bert_layers({.word = "electra.embeddings.word_embeddings",
                           .position = "electra.embeddings.position_embeddings",
                           .type = "electra.embeddings.token_type_embeddings",
                           .embedding_norm = "electra.embeddings.LayerNorm",
                           .project = "electra.embeddings_project",
                           .layer = "electra.encoder.layer.",
                           .transform = "generator_predictions.dense",
                           .head_norm = "generator_predictions.LayerNorm",
                           .head_bias = "generator_lm_head.bias",
                           .head_bias_first = false,
                           .decoder = "generator_lm_head.weight",
                           .decoder_bias = nullptr})},
    {.family = Family::albert,
     .model_type = "albert",
     .shown = "ALBERT",
     .architecture = "AlbertForMaskedLM",
     .base_prefix = "albert.",
     .keys = in_groups(with_embedding_width(kBertKeys)),
     .traits = {.drops_output = false, .always_projects = true},
     .aliases = {},
     .defaults = kAlbertDefaults,
     .names = {.word = "albert.embeddings.word_embeddings",
               .position = "albert.embeddings.position_embeddings",
               .type = "albert.embeddings.token_type_embeddings",
               .embedding_norm = "albert.embeddings.LayerNorm",
               .project = "albert.encoder.embedding_hidden_mapping_in",
               .layer = "albert.encoder.albert_layer_groups.",
               .inner_layer = "albert_layers.",
               .query = "attention.query",
               .key = "attention.key",
               .value = "attention.value",
               .out = "attention.dense",
               .norm1 = "attention.LayerNorm",
               .up = "ffn",
               .down = "ffn_output",
               .norm2 = "full_layer_layer_norm",
               .final_norm = nullptr,
               .transform = "predictions.dense",
               .head_norm = "predictions.LayerNorm",
               .head_bias = "predictions.bias",
               .head_bias_first = true,
               .decoder = "predictions.decoder.weight",
               .decoder_bias = "predictions.decoder.bias"}},
    {.family = Family::modernbert,
     .model_type = "modernbert",
     .shown = "ModernBERT",
     .architecture = "ModernBertForMaskedLM",
     .base_prefix = "model.",
     .keys = {.vocabulary = "vocab_size",
              .width = "hidden_size",
              .layers = "num_hidden_layers",
              .heads = "num_attention_heads",
              .inner = "intermediate_size",
              .max_positions = "max_position_embeddings",
              .type_vocabulary = nullptr,
              .embedding_width = nullptr,
              .layer_groups = nullptr,
              .inner_layers = nullptr,
              .activation = "hidden_activation",
              .head_activation = "classifier_activation",
              .norm_epsilon = "norm_eps",
              .hidden_dropout = "embedding_dropout",
              .attention_dropout = "attention_dropout",
              .sinusoidal_positions = nullptr},
     .traits = {.drops_attention_output = false,
                .drops_output = false,
                .positions = PositionRule::rotary,
                .loss_counts_tokens = true,
                .pre_norm = true},
     .aliases = {},
     .defaults = kModernbertDefaults,
     .names = {.word = "model.embeddings.tok_embeddings",
               .position = nullptr,
               .type = nullptr,
               .embedding_norm = "model.embeddings.norm",
               .project = nullptr,
               .layer = "model.layers.",
               .inner_layer = nullptr,
               .query = "attn.Wqkv",
               .key = nullptr,
               .value = nullptr,
               .out = "attn.Wo",
               .norm1 = "mlp_norm",
               .up = "mlp.Wi",
               .down = "mlp.Wo",
               .norm2 = "attn_norm",
               .final_norm = "model.final_norm",
               .transform = "head.dense",
               .head_norm = "head.norm",
               .head_bias = "decoder.bias",
               .head_bias_first = false,
               .decoder = "decoder.weight",
               .decoder_bias = nullptr}},
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

std::string layer_prefix(const TensorNames& names, int64_t layer, int64_t inner_layers) {
  if (names.inner_layer == nullptr) return fmt::format("{}{}.", names.layer, layer);
  return fmt::format("{}{}.{}{}.", names.layer, layer / inner_layers, names.inner_layer, layer % inner_layers);
}

std::span<const FamilyTable> families() { return kFamilies; }

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
