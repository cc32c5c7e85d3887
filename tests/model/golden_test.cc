// Tiny models of every family against the reference stack's frozen outputs, on every back end: logits, losses, every
// gradient, ten AdamW steps. Padded batches go through packing. tests/golden/README.md says how the files were made.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "support.h"

namespace tekio::test {
namespace {

struct GoldenBatch {
  Batch batch;
  std::vector<float> logits;  // [n,V], unpadded positions only
};

std::vector<int32_t> integers(const StoredTensor& tensor) {
  EXPECT_EQ(tensor.dtype, "I32");
  std::vector<int32_t> values(tensor.bytes.size() / sizeof(int32_t));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

GoldenBatch read_batch(const SafetensorsFile& file, int number) {
  const auto get = [&](const std::string& name) -> const StoredTensor& {
    return file.tensors().at(fmt::format("batch{}.{}", number, name));
  };
  const auto ids = integers(get("input_ids")), mask = integers(get("attention_mask")), labels = integers(get("labels"));
  const bool typed = file.tensors().contains(fmt::format("batch{}.token_type_ids", number));
  const auto types = typed ? integers(get("token_type_ids")) : std::vector<int32_t>();
  const auto logits = numbers(get("logits"));
  const auto length = static_cast<size_t>(get("input_ids").shape[1]),
             vocabulary = static_cast<size_t>(get("logits").shape[2]);
  GoldenBatch golden_batch;
  Batch& b = golden_batch.batch;
  b.padded_length = static_cast<int64_t>(length);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i % length == 0) b.offsets.push_back(static_cast<int32_t>(b.input_ids.size()));
    if (mask[i] == 0) continue;
    if (labels[i] != -100) {
      b.masked_rows.push_back(static_cast<int32_t>(b.input_ids.size()));
      b.labels.push_back(labels[i]);
    }
    b.input_ids.push_back(ids[i]);
    if (typed) b.type_ids.push_back(types[i]);
    golden_batch.logits.insert(golden_batch.logits.end(), logits.begin() + static_cast<std::ptrdiff_t>(i * vocabulary),
                               logits.begin() + static_cast<std::ptrdiff_t>((i + 1) * vocabulary));
  }
  b.offsets.push_back(static_cast<int32_t>(b.input_ids.size()));
  return golden_batch;
}

bool is_key_bias(const std::string& name) { return name.ends_with("k_lin.bias") || name.ends_with("key.bias"); }

class Golden : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  Golden()
      : folder_(golden(std::get<0>(GetParam()))),
        device_(std::get<1>(GetParam())),
        model_(ModelConfig::from_folder(folder_), *device_.backend),
        file_(folder_ / "golden.safetensors"),
        notes_(read_json(folder_ / "golden.json")) {
    const LoadReport report = load_weights(folder_, model_.config(), model_.weights(), 0);
    EXPECT_TRUE(complete(report));
    for (int i = 0; i < 3; ++i) batches_.push_back(read_batch(file_, i));
    model_.prepare({.sequences = 4, .length = 16, .masked_rows = 64}, true);
  }
  float scale(const Batch& batch) const { return 1.0f / static_cast<float>(batch.masked_rows.size()); }

  fs::path folder_;
  Device device_;
  MlmNetwork model_;
  SafetensorsFile file_;
  Json notes_;
  std::vector<GoldenBatch> batches_;
};

TEST_P(Golden, CountsItsParameters) { EXPECT_EQ(model_.weights().count(), notes_["parameters"].get<int64_t>()); }

TEST_P(Golden, LogitsAtEveryUnpaddedPosition) {
  double most = 0;
  for (const GoldenBatch& expected : batches_) {
    Batch all = expected.batch;
    all.masked_rows.clear();
    for (int32_t i = 0; i < all.tokens(); ++i) all.masked_rows.push_back(i);
    all.labels.assign(all.masked_rows.size(), 0);
    const auto logits = numbers(*device_.backend, model_.logits(all), model_.config().vocabulary);
    most = std::max(most, largest_difference(logits, expected.logits));
  }
  RecordProperty("largest_difference", fmt::format("{:.3g}", most));
  EXPECT_LT(most, 5e-6);
}

TEST_P(Golden, Losses) {
  for (size_t i = 0; i < batches_.size(); ++i) {
    const Batch& batch = batches_[i].batch;
    const double mean = evaluate(model_, batch).loss / static_cast<double>(batch.masked_rows.size());
    EXPECT_NEAR(mean, notes_["batches"][i]["loss_float64"].get<double>(), 2e-6);
    std::vector<LabelLoss> own(batch.masked_rows.size());
    LabelLoss sum;
    const LabelLoss found = evaluate(model_, batch, own);
    for (const LabelLoss& row : own) sum += row;
    EXPECT_DOUBLE_EQ(found.loss, sum.loss);
    EXPECT_EQ(found.hits, sum.hits);
  }
}

TEST_P(Golden, TheReferencesMostLikelyTokensAreHits) {
  for (const GoldenBatch& expected : batches_) {
    Batch batch = expected.batch;
    const auto vocabulary = static_cast<std::ptrdiff_t>(model_.config().vocabulary);
    for (size_t i = 0; i < batch.labels.size(); ++i) {
      const auto row = expected.logits.begin() + batch.masked_rows[i] * vocabulary;
      batch.labels[i] = static_cast<int32_t>(std::max_element(row, row + vocabulary) - row);
    }
    EXPECT_EQ(evaluate(model_, batch).hits, static_cast<int64_t>(batch.labels.size()));
    batch.labels.front() = (batch.labels.front() + 1) % static_cast<int32_t>(vocabulary);
    EXPECT_EQ(evaluate(model_, batch).hits, static_cast<int64_t>(batch.labels.size()) - 1);
  }
}

TEST_P(Golden, EveryGradient) {
  double most = 0;
  for (const int i : {0, 2}) {
    const Batch& batch = batches_[static_cast<size_t>(i)].batch;
    model_.clear_gradients();
    model_.forward(batch, {});
    const double loss = backward(model_, batch, scale(batch));
    EXPECT_NEAR(loss * static_cast<double>(scale(batch)),
                notes_["batches"][static_cast<size_t>(i)]["loss"].get<double>(), 2e-6);
    for (const NamedTensor& tensor : model_.gradients().named()) {
      const auto expected = numbers(file_.tensors().at(fmt::format("batch{}.grad.{}", i, tensor.name)));
      const double difference = largest_difference(tensor.tensor.values(), expected);
      most = std::max(most, difference);
      EXPECT_LT(difference, 2e-6) << tensor.name;
      if (is_key_bias(tensor.name)) continue;  // the true gradient is 0
      EXPECT_LT(difference, 1e-4 * largest(expected)) << tensor.name;
    }
    EXPECT_NEAR(std::sqrt(squared_norm(*device_.backend, model_.gradients().flat())),
                notes_["batches"][static_cast<size_t>(i)]["grad_norm"].get<double>(), 5e-6);
  }
  RecordProperty("largest_difference", fmt::format("{:.3g}", most));
}

// Every path of a pass in bf16: each tensor's gradient points where float32's does.
TEST_P(Golden, InBf16GradientsAreNearFloat32s) {
  if (!device_.backend->has_bf16()) GTEST_SKIP() << "this processor does not multiply bf16";
  const Batch& batch = batches_[2].batch;
  const auto gradients = [&](DType type) {
    model_.prepare({.sequences = 4, .length = 16, .masked_rows = 64}, true, type);
    model_.clear_gradients();
    model_.forward(batch, {});
    backward(model_, batch, scale(batch));
    std::vector<std::vector<float>> all;
    for (const NamedTensor& tensor : model_.gradients().named())
      all.emplace_back(tensor.tensor.values().begin(), tensor.tensor.values().end());
    return all;
  };
  const auto exact = gradients(DType::f32), rounded = gradients(DType::bf16);
  for (size_t i = 0; i < exact.size(); ++i) {
    const std::string& name = model_.gradients().named()[i].name;
    if (is_key_bias(name)) continue;
    double both = 0, first = 0, second = 0;
    for (size_t j = 0; j < exact[i].size(); ++j) {
      both += double{exact[i][j]} * rounded[i][j];
      first += double{exact[i][j]} * exact[i][j];
      second += double{rounded[i][j]} * rounded[i][j];
    }
    EXPECT_GT(both / std::sqrt(first * second), 0.99) << name;
    EXPECT_NEAR(std::sqrt(second / first), 1, 0.1) << name;
  }
}

// With dropout at every site that the family has, the gradient is still that of the loss: along its own direction the
// loss changes as much as it says.
TEST_P(Golden, WithDropoutTheGradientIsTheLosses) {
  const Batch& batch = batches_[2].batch;
  model_.config().set_dropout(0.2);
  const StepRandom random{.seed = 5, .step = 9};
  const auto step = [&] {
    model_.clear_gradients();
    model_.forward(batch, random);
    return backward(model_, batch, scale(batch)) * static_cast<double>(scale(batch));
  };
  model_.prepare({.sequences = 4, .length = 16, .masked_rows = 64}, true);
  const double undropped = evaluate(model_, batch).loss * static_cast<double>(scale(batch)), loss = step();
  EXPECT_GT(std::abs(loss - undropped), 1e-4) << "nothing was dropped";
  std::vector<std::vector<float>> along;
  double squares = 0;
  for (const NamedTensor& tensor : std::as_const(model_.gradients()).named()) {
    along.emplace_back(tensor.tensor.values().begin(), tensor.tensor.values().end());
    for (const float g : along.back()) squares += double{g} * g;
  }
  const double norm = std::sqrt(squares), distance = 0.01;
  const auto move = [&](double by) {
    const std::vector<TensorToChange>& weights = model_.weights().named_to_change();
    for (size_t i = 0; i < weights.size(); ++i)
      for (size_t j = 0; j < along[i].size(); ++j)
        weights[i].tensor.values()[j] += static_cast<float>(by * along[i][j] / norm);
  };
  move(distance);
  const double above = step();
  move(-2 * distance);
  const double below = step();
  EXPECT_NEAR((above - below) / (2 * distance), norm, 0.01 * norm);
}

TEST_P(Golden, TenAdamWSteps) {
  const Json& adamw = notes_["adamw"];
  Memory& memory = device_.backend->memory();
  ParameterSet moment1(model_.config(), "moments", memory), moment2(model_.config(), "moments", memory);
  double worst_loss = 0, worst_weight = 0;
  int64_t step = 0;
  for (const Json& expected : adamw["steps"]) {
    const Batch& batch = batches_[expected["batch"].get<size_t>()].batch;
    model_.clear_gradients();
    model_.forward(batch, {});
    const double loss = backward(model_, batch, scale(batch)) * static_cast<double>(scale(batch));
    worst_loss = std::max(worst_loss, std::abs(loss - expected["loss"].get<double>()));
    const double norm = std::sqrt(squared_norm(*device_.backend, model_.gradients().flat()));
    EXPECT_NEAR(norm, expected["grad_norm"].get<double>(), 2e-5);
    AdamWStep update{.learning_rate = expected["learning_rate"].get<double>(),
                     .beta1 = 0.9,
                     .beta2 = 0.999,
                     .epsilon = 1e-8,
                     .weight_decay = 0,
                     .step = ++step};
    const auto scale_of_all = static_cast<float>(std::min(1.0, adamw["clip"].get<double>() / (norm + 1e-6)));
    for (const ParameterSet::Piece& piece : model_.weights().pieces()) {
      update.weight_decay = piece.decays ? adamw["weight_decay"].get<double>() : 0;
      const auto cut = [&](ParameterSet& set) { return set.flat_to_change().rows(piece.begin, piece.end); };
      tekio::test::adamw(*device_.backend, cut(model_.weights()), cut(moment1), cut(moment2), cut(model_.gradients()),
                         update, scale_of_all);
    }
  }
  EXPECT_EQ(step, 10);
  EXPECT_LT(worst_loss, 1e-5);
  for (const NamedTensor& tensor : model_.weights().named()) {
    if (is_key_bias(tensor.name)) continue;  // their true gradient is 0: AdamW steps along rounding noise
    const double difference =
        largest_difference(tensor.tensor.values(), numbers(file_.tensors().at("final." + tensor.name)));
    worst_weight = std::max(worst_weight, difference);
    // ModernBERT's has the keys' among others: their gradients are small, and AdamW blows rounding up.
    EXPECT_LT(difference, tensor.name.ends_with("Wqkv.bias") ? 1e-5 : 2e-6) << tensor.name;
  }
  RecordProperty("worst_loss", fmt::format("{:.3g}", worst_loss));
  RecordProperty("worst_weight", fmt::format("{:.3g}", worst_weight));
}

TEST_P(Golden, SavesWhatItReadToTheLastByte) {
  const ScratchFolder saved;
  save_model(saved.path(), model_.config(), model_.weights());
  for (const char* name : {"config.json", "model.safetensors"})
    EXPECT_EQ(read_text(saved.path() / name), read_text(folder_ / name)) << name;
}

std::string name_of_case(const ::testing::TestParamInfo<Golden::ParamType>& info) {
  std::string name = std::get<0>(info.param).substr(std::string_view("tiny-").size());
  std::ranges::replace(name, '-', '_');
  return name + "_" + std::get<1>(info.param);
}
INSTANTIATE_TEST_SUITE_P(
    Tiny, Golden,
    ::testing::Combine(::testing::Values("tiny-distilbert", "tiny-bert", "tiny-distilbert-untied", "tiny-bert-untied",
                                         "tiny-roberta", "tiny-camembert-untied", "tiny-electra", "tiny-electra-untied",
                                         "tiny-albert", "tiny-modernbert", "tiny-modernbert-biased"),
                       ::testing::ValuesIn(back_ends())),
    name_of_case);

}  // namespace
}  // namespace tekio::test
