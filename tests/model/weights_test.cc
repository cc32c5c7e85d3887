// A model's tensors: names in the reference's order, counts, what decays, where they lie.
#include <numeric>

#include "support.h"

namespace tekio::test {
namespace {

std::vector<std::string> names_of(const ParameterSet& set) {
  std::vector<std::string> names;
  for (const NamedTensor& tensor : set.named()) names.push_back(tensor.name);
  return names;
}

// Orders as transformers 4.57 and 5.23 list named_parameters().
TEST(Weights, DistilbertsNamesInTheReferencesOrder) {
  Json document = tiny_distilbert_json();
  document["n_layers"] = 1;
  const ParameterSet set(ModelConfig::from_json(document, "config"), "weights");
  const std::string layer = "distilbert.transformer.layer.0.";
  std::vector<std::string> expected = {
      "distilbert.embeddings.word_embeddings.weight", "distilbert.embeddings.position_embeddings.weight",
      "distilbert.embeddings.LayerNorm.weight", "distilbert.embeddings.LayerNorm.bias"};
  for (const char* part : {"attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin",
                           "sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm"}) {
    expected.push_back(layer + part + ".weight");
    expected.push_back(layer + part + ".bias");
  }
  for (const char* name : {"vocab_transform.weight", "vocab_transform.bias", "vocab_layer_norm.weight",
                           "vocab_layer_norm.bias", "vocab_projector.bias"})
    expected.push_back(name);
  EXPECT_EQ(names_of(set), expected);
}

TEST(Weights, BertsNamesInTheReferencesOrder) {
  Json document = tiny_bert_json();
  document["num_hidden_layers"] = 1;
  const ParameterSet set(ModelConfig::from_json(document, "config"), "weights");
  const std::string layer = "bert.encoder.layer.0.";
  std::vector<std::string> expected = {"bert.embeddings.word_embeddings.weight",
                                       "bert.embeddings.position_embeddings.weight",
                                       "bert.embeddings.token_type_embeddings.weight",
                                       "bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.bias"};
  for (const char* part :
       {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
        "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm"}) {
    expected.push_back(layer + part + ".weight");
    expected.push_back(layer + part + ".bias");
  }
  for (const char* name :
       {"cls.predictions.bias", "cls.predictions.transform.dense.weight", "cls.predictions.transform.dense.bias",
        "cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias"})
    expected.push_back(name);
  EXPECT_EQ(names_of(set), expected);
}

TEST(Weights, CountsOfThePublishedModels) {
  const ModelConfig distilbert =
      ModelConfig::from_json(Json::parse(R"({"model_type": "distilbert", "vocab_size": 30522, "dim": 768, "n_layers": 6,
      "n_heads": 12, "hidden_dim": 3072, "max_position_embeddings": 512})"),
                             "config");
  const ParameterSet small(distilbert, "weights");
  EXPECT_EQ(small.count(), 66'985'530);
  EXPECT_EQ(small.named().size(), 105u);
  const ModelConfig bert = ModelConfig::from_json(
      Json::parse(R"({"model_type": "bert", "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12,
      "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 512, "type_vocab_size": 2})"),
      "config");
  const ParameterSet base(bert, "weights");
  EXPECT_EQ(base.count(), 109'514'298);
  EXPECT_EQ(base.named().size(), 202u);
}

TEST(Weights, BiasesAndNormsDoNotDecay) {
  for (const Json& document : {tiny_bert_json(), tiny_distilbert_json()}) {
    const ParameterSet set(ModelConfig::from_json(document, "config"), "weights");
    for (const NamedTensor& tensor : set.named()) {
      const bool excluded = tensor.name.ends_with(".bias") || tensor.name.find("LayerNorm") != std::string::npos ||
                            tensor.name.find("layer_norm") != std::string::npos;
      EXPECT_EQ(tensor.decays, !excluded) << tensor.name;
      // A tensor lies in a piece of its own kind.
      const int64_t at = tensor.tensor.f32() - set.flat().f32();
      for (const auto& piece : set.pieces())
        if (piece.begin <= at && at < piece.end) {
          EXPECT_EQ(piece.decays, tensor.decays) << tensor.name;
        }
    }
  }
}

TEST(Weights, PiecesCoverTheArenaAndGapsAreZero) {
  Json document = tiny_bert_json();
  document["intermediate_size"] = 23;  // no multiple of the alignment
  document["vocab_size"] = 51;
  const ModelConfig config = ModelConfig::from_json(document, "config");
  ParameterSet set(config, "weights");
  int64_t end = 0;
  for (const auto& piece : set.pieces()) {
    EXPECT_EQ(piece.begin, end);
    end = piece.end;
  }
  EXPECT_EQ(end, set.flat().numel());
  EXPECT_EQ(ParameterSet::bytes(config), set.flat().bytes());
  for (const NamedTensor& tensor : set.named()) std::ranges::fill(tensor.tensor.values(), 1.0f);
  EXPECT_EQ(std::accumulate(set.flat().values().begin(), set.flat().values().end(), 0.0),
            static_cast<double>(set.count()));
  EXPECT_GT(set.flat().numel(), set.count());
}

TEST(Weights, QueryKeyValueAreSlicesOfOneTensor) {
  ParameterSet set(ModelConfig::from_json(tiny_bert_json(), "config"), "weights");
  const LayerOf<Tensor>& layer = set.tensors().layers[1];
  const auto find = [&](const std::string& name) {
    for (const NamedTensor& tensor : set.named())
      if (tensor.name == name) return tensor.tensor;
    return Tensor();
  };
  EXPECT_EQ(find("bert.encoder.layer.1.attention.self.query.weight").data, layer.qkv.data);
  EXPECT_EQ(find("bert.encoder.layer.1.attention.self.key.weight").f32(), layer.qkv.f32() + 16 * 16);
  EXPECT_EQ(find("bert.encoder.layer.1.attention.self.value.bias").f32(), layer.qkv_bias.f32() + 32);
}

}  // namespace
}  // namespace tekio::test
