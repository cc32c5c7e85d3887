// Weights of every form and naming into a model, and back; what is missing, left over or does not fit.
#include "model/weight_files.h"

#include <cstring>
#include <numeric>

#include "support.h"
#include "support/large_data.h"
#include "torch_archive.h"

namespace tekio::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Saved {
  std::string dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};
using SavedTensors = std::map<std::string, Saved>;

std::string bytes_of(std::span<const float> values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

// A tiny model's tensors under the reference's names, each with its own numbers.
SavedTensors tensors_of(const ModelConfig& config) {
  ParameterSet set(config, "weights");
  SavedTensors saved;
  float next = 0;
  for (const TensorToChange& tensor : set.named_to_change()) {
    for (float& value : tensor.tensor.values()) value = next += 0.25f;
    saved[tensor.name] = {"F32",
                          {tensor.tensor.dim.begin(), tensor.tensor.dim.begin() + tensor.tensor.rank},
                          bytes_of(tensor.tensor.values())};
  }
  return saved;
}

void write(const fs::path& path, const SavedTensors& tensors) {
  std::vector<TensorToSave> all;
  for (const auto& [name, tensor] : tensors)
    all.push_back({name, tensor.dtype, tensor.shape, std::as_bytes(std::span(tensor.bytes))});
  write_safetensors(path, std::move(all));
}

class Checkpoint : public ::testing::Test {
 protected:
  const ModelConfig bert_ = ModelConfig::from_json(tiny_bert_json(), "config.json");
  const ModelConfig distilbert_ = ModelConfig::from_json(tiny_distilbert_json(), "config.json");
  ScratchFolder folder_;

  // Loads what was saved and expects the numbers of `expected`; returns the report.
  LoadReport loads(const ModelConfig& config, const SavedTensors& expected) {
    ParameterSet set(config, "weights");
    const LoadReport report = load_weights(folder_.path(), config, set, 1);
    for (const NamedTensor& tensor : set.named()) {
      const bool missing = std::ranges::find(report.missing, tensor.name) != report.missing.end();
      if (!missing) {
        EXPECT_EQ(bytes_of(tensor.tensor.values()), expected.at(tensor.name).bytes) << tensor.name;
      }
    }
    return report;
  }
  void refused(const ModelConfig& config, ErrorKind kind, const std::vector<std::string>& parts) {
    ParameterSet set(config, "weights");
    expect_error(kind, parts, [&] { load_weights(folder_.path(), config, set, 1); });
  }
};

void rename(SavedTensors& tensors, const std::string& from, const std::string& to) {
  auto node = tensors.extract(from);
  node.key() = to;
  tensors.insert(std::move(node));
}

TEST_F(Checkpoint, LoadsWholeModels) {
  for (const ModelConfig& config : {bert_, distilbert_}) {
    const SavedTensors tensors = tensors_of(config);
    write(folder_.path() / "model.safetensors", tensors);
    const LoadReport report = loads(config, tensors);
    EXPECT_THAT(report.missing, IsEmpty());
    EXPECT_THAT(report.unexpected, IsEmpty());
    EXPECT_THAT(report.notes, IsEmpty());
    EXPECT_FALSE(report.head_missing);
    EXPECT_TRUE(complete(report));
  }
}

TEST_F(Checkpoint, KnowsOldNormNamesAndBuffers) {
  const SavedTensors tensors = tensors_of(bert_);
  SavedTensors old = tensors;
  for (const auto& [name, tensor] : tensors) {
    if (name.ends_with("LayerNorm.weight")) rename(old, name, name.substr(0, name.size() - 6) + "gamma");
    if (name.ends_with("LayerNorm.bias")) rename(old, name, name.substr(0, name.size() - 4) + "beta");
  }
  old["bert.embeddings.position_ids"] = {"I64", {1}, std::string(8, '\0')};
  old["bert.embeddings.token_type_ids"] = {"I64", {1}, std::string(8, '\0')};
  write(folder_.path() / "model.safetensors", old);
  EXPECT_TRUE(complete(loads(bert_, tensors)));
}

TEST_F(Checkpoint, BareEncodersLackTheHead) {
  const SavedTensors tensors = tensors_of(bert_);
  SavedTensors bare;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with("bert.")) bare[name.substr(5)] = tensor;
  bare["pooler.dense.weight"] = {"F32", {1}, std::string(4, '\0')};
  bare["embeddings.position_ids"] = {"I64", {1}, std::string(8, '\0')};
  write(folder_.path() / "model.safetensors", bare);
  const LoadReport report = loads(bert_, tensors);
  EXPECT_TRUE(report.head_missing);
  EXPECT_THAT(report.missing,
              ElementsAre("cls.predictions.bias", "cls.predictions.transform.dense.weight",
                          "cls.predictions.transform.dense.bias", "cls.predictions.transform.LayerNorm.weight",
                          "cls.predictions.transform.LayerNorm.bias"));
  EXPECT_THAT(report.unexpected, ElementsAre("pooler.dense.weight"));
}

TEST_F(Checkpoint, StripsASurplusPrefix) {
  const SavedTensors tensors = tensors_of(bert_);
  SavedTensors prefixed = tensors;
  rename(prefixed, "cls.predictions.bias", "bert.cls.predictions.bias");
  write(folder_.path() / "model.safetensors", prefixed);
  EXPECT_TRUE(complete(loads(bert_, tensors)));
}

TEST_F(Checkpoint, MissingTensorsStartAsTheReferences) {
  SavedTensors tensors = tensors_of(distilbert_);
  std::erase_if(tensors, [](const auto& item) {
    return item.first.starts_with("vocab_") || item.first.ends_with("word_embeddings.weight");
  });
  write(folder_.path() / "model.safetensors", tensors);
  ModelConfig config = distilbert_;
  config.initializer_range = 0.5;
  ParameterSet first(config, "weights"), again(config, "weights"), other(config, "weights");
  EXPECT_TRUE(load_weights(folder_.path(), config, first, 7).head_missing);
  load_weights(folder_.path(), config, again, 7);
  load_weights(folder_.path(), config, other, 8);
  EXPECT_EQ(bytes_of(first.flat().values()), bytes_of(again.flat().values()));
  EXPECT_NE(bytes_of(first.flat().values()), bytes_of(other.flat().values()));
  const auto& w = first.tensors();
  for (const float value : w.word.weight.rows(0, 1).values()) EXPECT_EQ(value, 0);  // the padding's
  const auto rest = w.word.weight.rows(1, 50).values();
  const double mean = std::accumulate(rest.begin(), rest.end(), 0.0) / static_cast<double>(rest.size());
  double square = 0;
  for (const float value : rest) square += static_cast<double>(value) * static_cast<double>(value);
  EXPECT_NEAR(mean, 0, 0.06);
  EXPECT_NEAR(std::sqrt(square / static_cast<double>(rest.size())), 0.5, 0.05);
  EXPECT_NE(w.transform.weight.values()[0], w.word.weight.rows(1, 2).values()[0]);
  for (const float value : w.head_norm.weight.values()) EXPECT_EQ(value, 1);
  for (const ConstTensor& zeros : {w.head_norm.bias, w.transform.bias, w.decoder.bias})
    for (const float value : zeros.values()) EXPECT_EQ(value, 0);
}

// As transformers 5.23 makes them: matrices and embeddings normal(0, initializer_range) but for the padding's row,
// norms 1 and 0, biases 0.
TEST(Initialization, IsTheReferences) {
  for (Json document : {tiny_bert_json(), tiny_distilbert_json()}) {
    document["vocab_size"] = 400;
    document["pad_token_id"] = 3;
    document["initializer_range"] = 0.5;
    const ModelConfig config = ModelConfig::from_json(document, "config");
    ParameterSet set(config, "weights");
    initialize_weights(config, set, 11);
    for (const NamedTensor& tensor : set.named()) {
      const auto values = tensor.tensor.values();
      if (!decays(tensor.role)) {
        const bool norm = tensor.name.ends_with(".weight");
        for (const float value : values) ASSERT_EQ(value, norm ? 1.0f : 0.0f) << tensor.name;
        continue;
      }
      const auto n = static_cast<double>(values.size());
      double sum = 0, squares = 0;
      for (const float value : values) sum += static_cast<double>(value), squares += double{value} * double{value};
      EXPECT_NEAR(sum / n, 0, 5 * 0.5 / std::sqrt(n)) << tensor.name;
      EXPECT_NEAR(std::sqrt(squares / n), 0.5, 5 * 0.5 / std::sqrt(2 * n)) << tensor.name;
      for (int64_t row = 0; row < tensor.tensor.dim[0]; ++row) {
        const bool padding = tensor.name.ends_with("word_embeddings.weight") && row == 3;
        EXPECT_EQ(largest(tensor.tensor.rows(row, row + 1).values()) == 0, padding) << tensor.name << " " << row;
      }
    }
  }
}

TEST(Initialization, SinusoidalPositions) {
  Json document = tiny_distilbert_json();
  document["sinusoidal_pos_embds"] = true;
  const ModelConfig config = ModelConfig::from_json(document, "config");
  ParameterSet set(config, "weights");
  initialize_weights(config, set, 11);
  const ConstTensor table = set.tensors().position.weight;  // [20,16]
  for (int64_t p = 0; p < 20; ++p)
    for (int64_t i = 0; i < 8; ++i) {
      const double angle = static_cast<double>(p) / std::pow(10000, static_cast<double>(2 * i) / 16);
      EXPECT_FLOAT_EQ(table.f32()[p * 16 + 2 * i], static_cast<float>(std::sin(angle)));
      EXPECT_FLOAT_EQ(table.f32()[p * 16 + 2 * i + 1], static_cast<float>(std::cos(angle)));
    }
}

TEST_F(Checkpoint, TakesTheDecodersCopyWhereItIsAlone) {
  const SavedTensors tensors = tensors_of(bert_);
  SavedTensors moved = tensors;
  rename(moved, "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight");
  rename(moved, "cls.predictions.bias", "cls.predictions.decoder.bias");
  write(folder_.path() / "model.safetensors", moved);
  EXPECT_TRUE(complete(loads(bert_, tensors)));
}

// A head's matrix that differs from the word embeddings stays the head's own, as in transformers 5.
TEST_F(Checkpoint, KeepsTheHeadsOwnMatrix) {
  for (const bool explicitly_tied : {false, true}) {
    Json document = tiny_distilbert_json();
    if (explicitly_tied) document["tie_word_embeddings"] = true;
    folder_.write("config.json", document.dump());
    SavedTensors tensors = tensors_of(distilbert_);
    Saved& decoder = tensors["vocab_projector.weight"] = tensors.at("distilbert.embeddings.word_embeddings.weight");
    write(folder_.path() / "model.safetensors", tensors);
    EXPECT_TRUE(open_model_folder(folder_.path()).config.tied);  // the same numbers: a copy
    decoder = {"F64", {50, 16}, std::string(50 * 16 * 8, '\0')};
    write(folder_.path() / "model.safetensors", tensors);
    EXPECT_FALSE(open_model_folder(folder_.path()).config.tied);  // other numbers, another type
    decoder = tensors.at("distilbert.embeddings.word_embeddings.weight");
    decoder.bytes[0] ^= 1;
    write(folder_.path() / "model.safetensors", tensors);
    const OpenedFolder opened = open_model_folder(folder_.path());
    ASSERT_FALSE(opened.config.tied);
    ASSERT_EQ(opened.config.notes.size(), 1u);
    EXPECT_THAT(opened.config.notes[0], HasSubstr("model.safetensors: vocab_projector.weight differs"));
    EXPECT_TRUE(complete(loads(opened.config, tensors)));
    ParameterSet set(opened.config, "weights");
    load_weights(opened.files, opened.config, set, 1, Reading::borrowed);
    EXPECT_EQ(bytes_of(set.tensors().decoder.weight.values()), decoder.bytes);
    EXPECT_EQ(set.count(), ParameterSet(distilbert_, "tied").count() + 50 * 16);
    save_model(folder_.path(), opened.config, set);
    EXPECT_FALSE(ModelConfig::from_folder(folder_.path()).tied);
    EXPECT_EQ(open_model_folder(folder_.path()).config.notes.size(), 0u);
    EXPECT_TRUE(complete(loads(ModelConfig::from_folder(folder_.path()), tensors)));
  }
}

// BERT's head has its bias under two names. transformers 5 computes with the decoder's wherever they are not one.
TEST_F(Checkpoint, AnUntiedBertHasItsBiasUnderTwoNames) {
  ModelConfig untied = bert_;
  untied.untie();
  untied.document["tie_word_embeddings"] = false;
  SavedTensors tensors = tensors_of(untied);
  const std::string bias = "cls.predictions.bias", copy = "cls.predictions.decoder.bias";
  write(folder_.path() / "model.safetensors", tensors);
  const LoadReport alone = loads(untied, tensors);  // as transformers 4 writes it
  ASSERT_EQ(alone.notes.size(), 1u);
  EXPECT_THAT(alone.notes[0], HasSubstr("has no cls.predictions.decoder.bias: cls.predictions.bias is taken"));
  // Where config.json ties, and the decoder's matrix differs all the same, transformers 5 takes that bias too.
  ModelConfig by_weights = bert_;
  by_weights.untie();
  EXPECT_THAT(loads(by_weights, tensors).notes, IsEmpty());
  EXPECT_EQ(Json::parse(by_weights.to_json())["tie_word_embeddings"], false);
  tensors[copy] = tensors[bias];
  write(folder_.path() / "model.safetensors", tensors);
  EXPECT_THAT(loads(untied, tensors).notes, IsEmpty());
  for (const ModelConfig& config : {untied, bert_}) {
    SavedTensors other = tensors;
    if (config.tied) other.erase("cls.predictions.decoder.weight");
    other[copy].bytes[2] ^= 1;
    write(folder_.path() / "model.safetensors", other);
    SavedTensors expected = other;
    expected[bias] = other[copy];
    const LoadReport differing = loads(config, expected);
    ASSERT_EQ(differing.notes.size(), 1u);
    EXPECT_THAT(differing.notes[0], HasSubstr("bias differ in"));
  }
  ParameterSet set(untied, "weights");
  initialize_weights(untied, set, 3);
  std::ranges::fill(named_values(set, bias), 2.0f);
  save_model(folder_.path(), untied, set);
  const SafetensorsFile saved(folder_.path() / "model.safetensors");
  EXPECT_EQ(numbers(saved.tensors().at(copy)), std::vector<float>(50, 2.0f));
  EXPECT_EQ(numbers(saved.tensors().at(bias)), std::vector<float>(50, 2.0f));
}

TEST_F(Checkpoint, AnUntiedHeadWithoutItsMatrixStartsRandomly) {
  Json document = tiny_distilbert_json();
  document["tie_word_embeddings"] = false;
  folder_.write("config.json", document.dump());
  write(folder_.path() / "model.safetensors", tensors_of(distilbert_));
  const OpenedFolder opened = open_model_folder(folder_.path());
  ParameterSet set(opened.config, "weights");
  const LoadReport report = load_weights(opened.files, opened.config, set, 42);
  EXPECT_THAT(report.missing, ElementsAre("vocab_projector.weight"));
  EXPECT_EQ(report.missing_sentence(opened.config, "M", 42),
            "M lacks 1 of the model's tensors (vocab_projector.weight): initialised randomly (normal, deviation 0.02, "
            "seed 42); predictions mean nothing before training");
}

TEST_F(Checkpoint, SaysWhatStandsInAFilesPlace) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:5e\nsize 267954768\n";
  const std::string page = "<!DOCTYPE html>\n<html><body>Please sign in</body></html>";
  const auto opening = [&](const std::vector<std::string>& parts) {
    expect_error(ErrorKind::input, parts, [&] { open_model_folder(folder_.path()); });
  };
  const auto linked = [&](const char* name) {
    fs::remove(folder_.path() / name);
    fs::create_symlink("../../blobs/5e5e5e5e", folder_.path() / name);
  };
  folder_.write("config.json", pointer);
  opening({"config.json is a git-lfs pointer"});
  folder_.write("config.json", page);
  opening({"config.json is an HTML page"});
  linked("config.json");
  opening({"config.json is a link to ../../blobs/5e5e5e5e, which is not there"});
  fs::remove(folder_.path() / "config.json");
  folder_.write("config.json", tiny_bert_json().dump());
  for (const char* name : {"model.safetensors.index.json", "pytorch_model.bin", "model.safetensors"}) {
    folder_.write(name, pointer);
    opening({std::string(name) + " is a git-lfs pointer for 267,954,768 bytes", "git lfs pull"});
    folder_.write(name, page);
    opening({std::string(name) + " is an HTML page"});
    linked(name);
    opening({std::string(name) + " is a link to ../../blobs/5e5e5e5e, which is not there", "download the model again"});
    fs::remove(folder_.path() / name);
  }
  folder_.write("model.safetensors.index.json", R"({"weight_map": {"a": "part.safetensors"}})");
  opening({"names the file part.safetensors, which is not beside it"});
  linked("part.safetensors");
  opening({"names the file part.safetensors, which is a link to ../../blobs/5e5e5e5e"});
}

TEST_F(Checkpoint, TensorNamesTellTheFamily) {
  const Json modern = {{"model_type", "modernbert"}, {"vocab_size", 50},  {"hidden_size", 16},
                       {"num_hidden_layers", 2},     {"pad_token_id", 0}, {"num_attention_heads", 2},
                       {"intermediate_size", 24}};
  for (Json document : {tiny_bert_json(), tiny_distilbert_json(), modern}) {
    const ModelConfig config = ModelConfig::from_json(document, "config");
    document.erase("model_type");
    folder_.write("config.json", document.dump());
    const SavedTensors tensors = tensors_of(config);
    write(folder_.path() / "model.safetensors", tensors);
    const OpenedFolder opened = open_model_folder(folder_.path());
    EXPECT_EQ(opened.config.family, config.family);
    EXPECT_TRUE(complete(loads(opened.config, tensors)));
    // A bare BERT encoder could be RoBERTa's.
    SavedTensors bare;
    for (const auto& [name, tensor] : tensors) bare[name.substr(name.find('.') + 1)] = tensor;
    write(folder_.path() / "model.safetensors", bare);
    if (config.family != Family::bert)
      EXPECT_EQ(open_model_folder(folder_.path()).config.family, config.family);
    else
      expect_error(ErrorKind::input, {"model_type is missing"}, [&] { open_model_folder(folder_.path()); });
  }
}

TEST_F(Checkpoint, ReadsHalfPrecision) {
  SavedTensors tensors = tensors_of(bert_);
  Saved& bias = tensors["cls.predictions.bias"];
  const std::vector<float> ones(50, 1.0f);
  for (const auto& [dtype, one] : {std::pair("F16", uint16_t{0x3C00}), {"BF16", uint16_t{0x3F80}}}) {
    bias = {dtype, {50}, ""};
    for (int i = 0; i < 50; ++i) bias.bytes += little(one, 2);
    write(folder_.path() / "model.safetensors", tensors);
    SavedTensors expected = tensors;
    expected["cls.predictions.bias"].bytes = bytes_of(ones);
    loads(bert_, expected);
  }
  bias = {"I32", {50}, std::string(200, '\0')};
  write(folder_.path() / "model.safetensors", tensors);
  refused(bert_, ErrorKind::input, {"model.safetensors", "tensor cls.predictions.bias", "I32"});
}

TEST_F(Checkpoint, ReadsShards) {
  const SavedTensors tensors = tensors_of(distilbert_);
  SavedTensors first, second;
  Json map;
  for (const auto& [name, tensor] : tensors) {
    const bool early = name < "distilbert.f" || first.size() < 5;
    (early ? first : second)[name] = tensor;
    map[name] = early ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
  }
  write(folder_.path() / "model-00001-of-00002.safetensors", first);
  write(folder_.path() / "model-00002-of-00002.safetensors", second);
  const auto index = [&](const Json& document) { folder_.write("model.safetensors.index.json", document.dump()); };
  index({{"metadata", {{"total_size", 1}}}, {"weight_map", map}});
  EXPECT_TRUE(complete(loads(distilbert_, tensors)));

  const std::string some = map.begin().key();
  index({{"metadata", {}}});
  refused(distilbert_, ErrorKind::input, {"index.json", "weight_map"});
  for (const char* path : {"../model.safetensors", "/etc/passwd", "", ".", "sub/model.safetensors"}) {
    Json evil = map;
    evil[some] = path;
    index({{"weight_map", evil}});
    refused(distilbert_, ErrorKind::input, {"index.json", some, "only files of the same folder"});
  }
  Json wrong = map;
  wrong[some] = 7;
  index({{"weight_map", wrong}});
  refused(distilbert_, ErrorKind::input, {"must be a string"});
  wrong[some] = "absent.safetensors";
  index({{"weight_map", wrong}});
  refused(distilbert_, ErrorKind::input, {"names the file absent.safetensors, which is not beside it"});
  Json many;
  for (int i = 0; i <= 10'000; ++i) many[fmt::format("t{}", i)] = fmt::format("{}.safetensors", i);
  index({{"weight_map", many}});
  refused(distilbert_, ErrorKind::input, {"index.json names 10001 files; at most 10000 are opened"});
  wrong[some] = "model-00002-of-00002.safetensors";
  index({{"weight_map", wrong}});
  refused(distilbert_, ErrorKind::input, {some, "but it is not"});
  index({{"weight_map", map}});
  second[some] = tensors.at(some);
  write(folder_.path() / "model-00002-of-00002.safetensors", second);
  refused(distilbert_, ErrorKind::input, {some, "stands in both"});
}

TEST_F(Checkpoint, ReadsPyTorchFilesAndTheirShards) {
  const SavedTensors tensors = tensors_of(bert_);
  std::vector<std::pair<std::string, std::string>> values, storages;
  for (const auto& [name, tensor] : tensors) {
    const std::string key = std::to_string(storages.size());
    std::vector<int64_t> strides(tensor.shape.size(), 1);
    if (strides.size() == 2) strides[0] = tensor.shape[1];
    values.emplace_back(name, pickled::tensor(pickled::storage(key, static_cast<int64_t>(tensor.bytes.size() / 4)), 0,
                                              tensor.shape, strides));
    storages.emplace_back(key, tensor.bytes);
  }
  folder_.write("pytorch_model.bin", archive(pickled::dictionary(values), storages));
  EXPECT_TRUE(complete(loads(bert_, tensors)));
  fs::rename(folder_.path() / "pytorch_model.bin", folder_.path() / "part-1.bin");
  Json map;
  for (const auto& [name, tensor] : tensors) map[name] = "part-1.bin";
  folder_.write("pytorch_model.bin.index.json", Json{{"weight_map", map}}.dump());
  EXPECT_TRUE(complete(loads(bert_, tensors)));
}

TEST_F(Checkpoint, SearchesInTheReferencesOrder) {
  const SavedTensors tensors = tensors_of(bert_);
  write(folder_.path() / "model.safetensors", tensors);
  folder_.write("model.safetensors.index.json", "broken");
  folder_.write("pytorch_model.bin", "broken");
  EXPECT_TRUE(complete(loads(bert_, tensors)));
}

TEST_F(Checkpoint, RefusesWhatDoesNotFit) {
  refused(bert_, ErrorKind::input,
          {"no weights in",
           "model.safetensors, model.safetensors.index.json, pytorch_model.bin and pytorch_model.bin.index.json"});
  const SavedTensors tensors = tensors_of(bert_);
  SavedTensors wrong = tensors;
  wrong["bert.embeddings.word_embeddings.weight"] = {"F32", {49, 16}, std::string(49 * 16 * 4, '\0')};
  write(folder_.path() / "model.safetensors", wrong);
  refused(bert_, ErrorKind::input,
          {"tensor bert.embeddings.word_embeddings.weight", "model.safetensors", "[49, 16]", "expected [50, 16]"});
  wrong["cls.predictions.bias"] = {"F32", {49}, std::string(49 * 4, '\0')};
  write(folder_.path() / "model.safetensors", wrong);
  refused(bert_, ErrorKind::input, {"1 more tensors do not fit"});
  write(folder_.path() / "model.safetensors", tensors_of(distilbert_));
  refused(bert_, ErrorKind::input, {"holds none of the tensors of a BERT model", "distilbert.embeddings"});
  write(folder_.path() / "model.safetensors", {});
  refused(bert_, ErrorKind::input, {"it holds nothing"});
  SavedTensors twice = tensors;
  twice["bert.embeddings.LayerNorm.gamma"] = twice["bert.embeddings.LayerNorm.weight"];
  write(folder_.path() / "model.safetensors", twice);
  refused(bert_, ErrorKind::input, {"LayerNorm.gamma and bert.embeddings.LayerNorm.weight are both tensor"});
  folder_.write("model.safetensors", "short");
  refused(bert_, ErrorKind::input, {"model.safetensors has 5 bytes"});
}

TEST_F(Checkpoint, TellsManyTensorsInOneSentence) {
  LoadReport report;
  EXPECT_EQ(report.missing_sentence(bert_, "M", 1), "");
  EXPECT_EQ(report.unexpected_sentence("M"), "");
  report.missing = {"a.layer.0.x.weight", "a.layer.1.x.weight", "a.layer.2.x.weight",
                    "a.layer.5.x.weight", "a.layer.3.y",        "head.bias"};
  report.starts = {Start::random, Start::zeros};
  EXPECT_EQ(report.missing_sentence(bert_, "M", 1),
            "M lacks 6 of the model's tensors (a.layer.{0-2,5}.x.weight, a.layer.3.y, head.bias): initialised randomly "
            "(normal, deviation 0.02, seed 1), biases with 0");
  report.missing = {"head.bias"};
  report.starts = {Start::zeros};
  EXPECT_EQ(report.missing_sentence(bert_, "M", 1), "M lacks 1 of the model's tensors (head.bias): initialised with 0");
  report.unexpected = {"pooler.1"};
  EXPECT_EQ(report.unexpected_sentence("M"), "M holds 1 tensor that the model does not use: pooler.1");
  report.unexpected = {"a", "b", "c", "d", "e"};
  EXPECT_EQ(report.unexpected_sentence("M"), "M holds 5 tensors that the model does not use: a, b, c, …");
}

// Whole float32 matrices stay where the file has them; parts of larger ones, and other dtypes, are copied.
TEST_F(Checkpoint, BorrowsWhatCanBeReadInPlace) {
  for (const ModelConfig& config : {bert_, distilbert_}) {
    SavedTensors tensors = tensors_of(config);
    write(folder_.path() / "model.safetensors", tensors);
    ParameterSet copied(config, "weights"), set(config, "weights");
    load_weights(folder_.path(), config, copied, 1);
    load_weights(folder_.path(), config, set, 1, Reading::borrowed);
    fs::remove(folder_.path() / "model.safetensors");  // the mapping holds it

    const auto inside = [&](const ConstTensor& tensor) {
      const char* const begin = reinterpret_cast<const char*>(&set.tensors().layers[0].qkv.weight.values()[0]);
      const char* const at = static_cast<const char*>(tensor.data);
      return at >= begin - ParameterSet::bytes(config) && at < begin + ParameterSet::bytes(config);
    };
    EXPECT_TRUE(set.borrows());
    EXPECT_FALSE(inside(set.tensors().word.weight));
    EXPECT_FALSE(inside(set.tensors().layers[1].down.weight));
    EXPECT_EQ(set.tensors().word.weight.data, set.named()[0].tensor.data);
    EXPECT_THROW(set.flat(), Error);
    for (size_t i = 0; i < set.named().size(); ++i)
      EXPECT_TRUE(std::ranges::equal(set.named()[i].tensor.values(), copied.named()[i].tensor.values())) << i;

    set.make_writable();
    EXPECT_FALSE(set.borrows());
    EXPECT_TRUE(inside(set.tensors().word.weight));
    EXPECT_EQ(set.tensors().word.weight.data, set.named()[0].tensor.data);
    EXPECT_TRUE(std::ranges::equal(set.flat().values(), copied.flat().values()));
  }
}

TEST_F(Checkpoint, CopiesWhatCannotBeReadInPlace) {
  // A header that ends off a float's border, as the format allows and some writers leave it.
  const SavedTensors tensors = tensors_of(bert_);
  write(folder_.path() / "model.safetensors", tensors);
  std::string file = read_text(folder_.path() / "model.safetensors");
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  file.insert(8 + length, " ");
  file.replace(0, 8, little(length + 1, 8));
  write_atomically(folder_.path() / "model.safetensors", file);
  ParameterSet set(bert_, "weights");
  load_weights(folder_.path(), bert_, set, 1, Reading::borrowed);
  EXPECT_FALSE(set.borrows());
  for (const NamedTensor& tensor : set.named())
    EXPECT_EQ(bytes_of(tensor.tensor.values()), tensors.at(tensor.name).bytes) << tensor.name;
}

TEST_F(Checkpoint, SavingGivesBackWhatWasRead) {
  const SavedTensors tensors = tensors_of(bert_);
  write(folder_.path() / "model.safetensors", tensors);
  ParameterSet set(bert_, "weights");
  load_weights(folder_.path(), bert_, set, 0);
  const ScratchFolder saved;
  save_model(saved.path(), bert_, set);
  EXPECT_EQ(read_text(saved.path() / "model.safetensors"), read_text(folder_.path() / "model.safetensors"));
  const ModelConfig again = ModelConfig::from_folder(saved.path());
  EXPECT_EQ(again.to_json(), bert_.to_json());
  expect_error(ErrorKind::io, {"absent"}, [&] { save_model(saved.path() / "absent", bert_, set); });
}

TEST(CheckpointData, BothFormsOfARealFileAreEqual) {
  const auto data = large_data();
  if (!data) GTEST_SKIP() << kNoLargeData;
  const fs::path folder = *data / "checkpoints" / "tiny-random-distilbert-L5-H32-v1124";
  const ModelConfig config = ModelConfig::from_folder(folder);
  ParameterSet safe(config, "weights"), torch(config, "weights");
  const LoadReport report = load_weights(folder, config, safe, 1);
  EXPECT_TRUE(report.head_missing);
  EXPECT_EQ(report.missing.size(), 5u);
  EXPECT_THAT(report.unexpected, IsEmpty());
  const ScratchFolder only_bin;
  fs::copy(folder / "pytorch_model.bin", only_bin.path() / "pytorch_model.bin");
  EXPECT_EQ(load_weights(only_bin.path(), config, torch, 1).missing, report.missing);
  EXPECT_EQ(bytes_of(safe.flat().values()), bytes_of(torch.flat().values()));
  EXPECT_GT(largest(safe.tensors().layers[4].down.weight.values()), 0);
}

}  // namespace
}  // namespace tekio::test
