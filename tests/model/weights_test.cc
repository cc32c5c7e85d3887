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

TEST(Weights, ModernbertsBeginWithinTheirCutoff) {
  const ModelConfig config = ModelConfig::from_json({{"model_type", "modernbert"},
                                                     {"vocab_size", 300},
                                                     {"hidden_size", 32},
                                                     {"num_hidden_layers", 8},
                                                     {"num_attention_heads", 2},
                                                     {"intermediate_size", 40},
                                                     {"pad_token_id", 7}},
                                                    "config.json");
  ParameterSet weights(config, "weights");
  initialize_weights(config, weights, 3);
  for (const NamedTensor& tensor : std::as_const(weights).named()) {
    if (tensor.role != TensorRole::matrix) continue;
    const bool smaller = tensor.name.ends_with(".Wo.weight") || tensor.name == "head.dense.weight";
    const double deviation = smaller ? 0.02 / 4 : 0.02;  // 4 = sqrt(2 * 8)
    double squares = 0, most = 0;
    for (const float w : tensor.tensor.values()) squares += double{w} * w, most = std::max(most, std::abs(double{w}));
    EXPECT_LE(most, 2 * deviation * 1.000001) << tensor.name;
    EXPECT_GT(most, 1.8 * deviation) << tensor.name;
    // A normal distribution cut off at two deviations has 0.880 of one.
    const double mean = std::sqrt(squares / static_cast<double>(tensor.tensor.numel()));
    EXPECT_NEAR(mean / deviation, 0.88, 0.06) << tensor.name;
  }
}

TEST(Weights, BiasesAndNormsDoNotDecay) {
  for (const Json& document : {tiny_bert_json(), tiny_distilbert_json()}) {
    const ParameterSet set(ModelConfig::from_json(document, "config"), "weights");
    for (const NamedTensor& tensor : set.named()) {
      const bool excluded = tensor.name.ends_with(".bias") || tensor.name.find("LayerNorm") != std::string::npos ||
                            tensor.name.find("layer_norm") != std::string::npos;
      EXPECT_EQ(decays(tensor.role), !excluded) << tensor.name;
      // A tensor lies in a piece of its own kind.
      const int64_t at = tensor.tensor.f32() - set.flat().f32();
      for (const auto& piece : set.pieces())
        if (piece.begin <= at && at < piece.end) {
          EXPECT_EQ(piece.decays, decays(tensor.role)) << tensor.name;
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
  for (const TensorToChange& tensor : set.named_to_change()) std::ranges::fill(tensor.tensor.values(), 1.0f);
  EXPECT_EQ(std::accumulate(set.flat().values().begin(), set.flat().values().end(), 0.0),
            static_cast<double>(set.count()));
  EXPECT_GT(set.flat().numel(), set.count());
}

TEST(Weights, QueryKeyValueAreSlicesOfOneTensor) {
  const ParameterSet set(ModelConfig::from_json(tiny_bert_json(), "config"), "weights");
  const auto& layer = set.tensors().layers[1];
  const auto find = [&](const std::string& name) {
    for (const NamedTensor& tensor : set.named())
      if (tensor.name == name) return tensor.tensor;
    return ConstTensor();
  };
  EXPECT_EQ(find("bert.encoder.layer.1.attention.self.query.weight").data, layer.qkv.weight.data);
  EXPECT_EQ(find("bert.encoder.layer.1.attention.self.key.weight").f32(), layer.qkv.weight.f32() + 16 * 16);
  EXPECT_EQ(find("bert.encoder.layer.1.attention.self.value.bias").f32(), layer.qkv.bias.f32() + 32);
}

// Both sides of a set in a memory of its own: what the back end has, and what the host sees.
class TwoSides : public ::testing::Test {
 protected:
  // What lies in the device's memory.
  std::vector<float> there(const ConstTensor& tensor) {
    std::vector<float> values(static_cast<size_t>(tensor.numel()));
    memory_.read(values.data(), tensor.data, tensor.bytes());
    return values;
  }
  void change_there(const Tensor& tensor, float value) {
    const std::vector<float> values(static_cast<size_t>(tensor.numel()), value);
    memory_.write(tensor.data, values.data(), tensor.bytes());
  }
  void change_here(float value) {
    for (const TensorToChange& tensor : set_.named_to_change()) std::ranges::fill(tensor.tensor.values(), value);
  }
  static float first(const NamedTensor& tensor) { return tensor.tensor.values()[0]; }
  int64_t copied() const { return memory_.bytes_written + memory_.bytes_read; }

  FencedMemory memory_;
  const ModelConfig config_ = ModelConfig::from_json(tiny_bert_json(), "config");
  ParameterSet set_{config_, "weights", memory_};
};

TEST_F(TwoSides, BeginWithZerosAndNoCopies) {
  for (const NamedTensor& tensor : set_.named()) EXPECT_EQ(largest(tensor.tensor.values()), 0);
  set_.tensors();
  EXPECT_EQ(copied(), 0);
  EXPECT_EQ(largest(there(set_.flat())), 0);
}

TEST_F(TwoSides, EachSeesWhatTheOtherChanged) {
  change_here(2);
  EXPECT_EQ(there(set_.tensors().layers[1].qkv.weight).back(), 2);
  EXPECT_EQ(there(set_.tensors().decoder.bias), std::vector<float>(50, 2.0f));
  change_there(set_.tensors_to_change().layers[1].qkv.weight, 3);
  for (const NamedTensor& tensor : set_.named())  // q, k and v are parts of it
    EXPECT_EQ(first(tensor),
              tensor.name.find("layer.1.attention.self") != std::string::npos && decays(tensor.role) ? 3 : 2)
        << tensor.name;
  change_there(set_.flat_to_change(), 4);
  named_values(set_, "cls.predictions.bias")[0] = 5;  // a change of a part keeps the rest
  EXPECT_EQ(there(set_.tensors().decoder.bias)[0], 5);
  EXPECT_EQ(there(set_.tensors().decoder.bias)[1], 4);
  EXPECT_EQ(there(set_.tensors().word.weight)[0], 4);
}

TEST_F(TwoSides, NothingIsCopiedTwice) {
  const int64_t all = set_.count() * size_of(DType::f32);
  change_here(1);
  for (int i = 0; i < 3; ++i) set_.tensors(), set_.flat();
  EXPECT_EQ(memory_.bytes_written, all);
  for (int i = 0; i < 3; ++i) set_.flat_to_change(), set_.tensors_to_change();
  EXPECT_EQ(copied(), all) << "a back end that goes on by itself";
  for (int i = 0; i < 3; ++i) set_.named();
  EXPECT_EQ(memory_.bytes_read, all);
  set_.tensors();
  EXPECT_EQ(copied(), 2 * all) << "reading changes nothing";
}

TEST_F(TwoSides, BorrowedNumbersAreSentFromWhereTheyLie) {
  const std::vector<float> numbers(16 * 16, 6);
  const auto owner = std::make_shared<int>();
  for (size_t i = 0; i < set_.named().size(); ++i)
    if (set_.named()[i].name == "bert.encoder.layer.0.attention.self.key.weight") {
      EXPECT_TRUE(set_.borrow(i, numbers.data(), owner));  // a part of qkv
    }
  EXPECT_EQ(owner.use_count(), 2);
  EXPECT_EQ(there(set_.tensors().layers[0].qkv.weight.rows(16, 32)), numbers);
  EXPECT_EQ(largest(there(set_.tensors().layers[0].qkv.weight.rows(0, 16))), 0);
  EXPECT_THROW(set_.flat(), Error);
  EXPECT_THROW(set_.named_to_change(), Error);
  EXPECT_THROW(set_.tensors_to_change(), Error);
  set_.make_writable();
  EXPECT_EQ(owner.use_count(), 1);
  change_there(set_.tensors_to_change().layers[0].qkv.weight, 7);
  EXPECT_EQ(named_values(set_, "bert.encoder.layer.0.attention.self.key.weight")[0], 7);
  EXPECT_EQ(numbers[0], 6);
}

TEST(OneSide, IsNeverCopied) {
  ParameterSet set(ModelConfig::from_json(tiny_bert_json(), "config"), "weights");
  EXPECT_EQ(set.named()[0].tensor.data, set.tensors().word.weight.data);
  EXPECT_EQ(set.named_to_change()[0].tensor.data, set.tensors_to_change().word.weight.data);
  EXPECT_EQ(set.flat_to_change().data, set.flat().data);
}

}  // namespace
}  // namespace tekio::test
