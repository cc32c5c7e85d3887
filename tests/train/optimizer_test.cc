// Ten AdamW steps of the tiny models against the reference's: losses, norms and final weights; clipping; what is not
// finite.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/json.h"
#include "model/mlm_network.h"
#include "model/model_folder.h"
#include "model/safetensors.h"
#include "train/optimizer.h"

namespace tekio::test {
namespace {

/// Batch k of golden.safetensors: padded rows are cut to their real length.
Batch golden_batch(const SafetensorsFile& file, int k) {
  const std::string prefix = "batch" + std::to_string(k) + ".";
  const auto numbers = [&](const std::string& name) {
    const auto it = file.tensors().find(prefix + name);
    std::vector<int32_t> values;
    if (it == file.tensors().end()) return values;
    values.resize(it->second.bytes.size() / sizeof(int32_t));
    std::memcpy(values.data(), it->second.bytes.data(), it->second.bytes.size());
    return values;
  };
  const std::vector<int32_t> ids = numbers("input_ids"), labels = numbers("labels"),
                             visible = numbers("attention_mask"), types = numbers("token_type_ids");
  const std::vector<int64_t>& shape = file.tensors().at(prefix + "input_ids").shape;
  Batch batch;
  batch.offsets = {0};
  for (int64_t row = 0; row < shape[0]; ++row) {
    for (int64_t t = 0; t < shape[1]; ++t) {
      const auto at = static_cast<size_t>(row * shape[1] + t);
      if (!visible.empty() && visible[at] == 0) continue;
      if (labels[at] != -100) {
        batch.masked_rows.push_back(static_cast<int32_t>(batch.input_ids.size()));
        batch.labels.push_back(labels[at]);
      }
      batch.input_ids.push_back(ids[at]);
      if (!types.empty()) batch.type_ids.push_back(types[at]);
    }
    batch.offsets.push_back(static_cast<int32_t>(batch.input_ids.size()));
  }
  batch.padded_length = shape[1];
  return batch;
}

class TenSteps : public ::testing::TestWithParam<const char*> {};

TEST_P(TenSteps, EqualTheReferences) {
  const std::string folder = std::string(TEKIO_GOLDEN_DIR) + "/" + GetParam();
  const Json golden = read_json(folder + "/golden.json");
  const SafetensorsFile file(folder + "/golden.safetensors");
  const auto backend = make_ref_backend();
  MlmNetwork model(ModelConfig::from_folder(folder), *backend);
  load_weights(folder, model.config(), model.weights(), 0);
  model.prepare({.sequences = 8, .length = 24, .masked_rows = 100}, true);
  Optimizer optimizer(*backend, model.config(), {.weight_decay = 0.01, .max_grad_norm = 1});
  int64_t step = 0;
  for (const Json& expected : golden["adamw"]["steps"]) {
    const Batch batch = golden_batch(file, expected["batch"].get<int>());
    const auto masked = static_cast<double>(batch.masked_rows.size());
    model.clear_gradients();
    model.forward(batch, {});
    const double loss = model.backward(batch, static_cast<float>(1 / masked)) / masked;
    const double norm =
        optimizer.update(model.weights(), model.gradients(), expected["learning_rate"].get<double>(), ++step);
    EXPECT_NEAR(loss, expected["loss"].get<double>(), 1e-5) << "step " << step;
    EXPECT_NEAR(norm, expected["grad_norm"].get<double>(), 2e-5) << "step " << step;
  }
  EXPECT_EQ(step, 10);
  for (const NamedTensor& named : model.weights().named()) {
    if (named.name.find("k_lin.bias") != std::string::npos || named.name.find("key.bias") != std::string::npos)
      continue;  // pure rounding noise
    std::vector<float> expected(static_cast<size_t>(named.tensor.numel()));
    to_float32(file.tensors().at("final." + named.name), expected, named.name);
    double worst = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(named.tensor.values()[i]) - expected[i]));
    EXPECT_LT(worst, 2e-6) << named.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, TenSteps, ::testing::Values("tiny-distilbert", "tiny-bert"),
                         [](const auto& given) { return std::string(given.param).substr(5); });

class Update : public ::testing::Test {
 protected:
  Update()
      : config_(ModelConfig::from_folder(TEKIO_GOLDEN_DIR "/tiny-distilbert")),
        weights_(config_, "w"),
        gradients_(config_, "g") {
    for (float& w : weights_.tensors_to_change().transform.bias.values()) w = 1;
  }
  float weight() { return weights_.tensors().transform.bias.values()[0]; }
  ModelConfig config_;
  ParameterSet weights_, gradients_;
  std::unique_ptr<Backend> backend_ = make_ref_backend();
};

TEST_F(Update, TheNormIsThatBeforeClipping) {
  gradients_.tensors_to_change().transform.bias.values()[0] = 3;
  gradients_.tensors_to_change().word.weight.values()[7] = 4;
  Optimizer optimizer(*backend_, config_, {});
  EXPECT_DOUBLE_EQ(optimizer.update(weights_, gradients_, 0, 1), 5);
  // clipped to norm 1: 3 * 1/(5 + 1e-6)
  EXPECT_NEAR(optimizer.moment1().tensors().transform.bias.values()[0], 0.1 * 0.6, 1e-6);
}

TEST_F(Update, NoClippingWhereTheLimitIsZeroOrFar) {
  gradients_.tensors_to_change().transform.bias.values()[0] = 3;
  for (const double limit : {0.0, 10.0}) {
    Optimizer optimizer(*backend_, config_, {.max_grad_norm = limit});
    optimizer.update(weights_, gradients_, 0, 1);
    EXPECT_NEAR(optimizer.moment1().tensors().transform.bias.values()[0], 0.3, 1e-6);
  }
}

TEST_F(Update, NothingIsChangedByGradientsThatAreNotFinite) {
  gradients_.tensors_to_change().transform.bias.values()[0] = std::numeric_limits<float>::quiet_NaN();
  Optimizer optimizer(*backend_, config_, {});
  EXPECT_TRUE(std::isnan(optimizer.update(weights_, gradients_, 1e-3, 1)));
  EXPECT_EQ(weight(), 1);
}

TEST_F(Update, BiasesDoNotDecay) {
  for (float& w : weights_.tensors_to_change().transform.weight.values()) w = 1;
  Optimizer optimizer(*backend_, config_, {.weight_decay = 0.5});
  optimizer.update(weights_, gradients_, 0.1, 1);
  EXPECT_EQ(weight(), 1);
  EXPECT_FLOAT_EQ(weights_.tensors().transform.weight.values()[5], 0.95f);
}

}  // namespace
}  // namespace tekio::test
