// Every family's graph computes what the model computes, on sequences of different lengths side by side.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "compute/backend.h"
#include "model/masked_lm.h"
#include "onnx/build.h"
#include "onnx/run.h"

namespace tekio {
namespace {

namespace fs = std::filesystem;

struct Compared {
  double largest = 0, scale = 0;  // difference, and the model's own largest logit
};

// Sequences of `lengths`, of tokens from all over the vocabulary; the padding's own among them.
Compared compare(const std::string& name, onnx::Precision precision, const std::vector<int64_t>& lengths) {
  const MaskedLM model = MaskedLM::from_pretrained((fs::path(TEKIO_GOLDEN_DIR) / name).string(),
                                                   {.device = "cpu", .dtype = NumberFormat::f32, .threads = 2});
  MaskedLMImpl& impl = MaskedLMImpl::of(model);
  const MlmNetwork& network = std::as_const(impl.model());
  const ModelConfig& config = network.config();
  const onnx::Graph graph = onnx::build_graph(config, network.weights(), precision);

  Batch batch;
  batch.offsets = {0};
  for (const int64_t length : lengths) {
    for (int64_t i = 0; i < length; ++i)
      batch.input_ids.push_back(
          static_cast<int32_t>((7 * batch.input_ids.size() + 3) % static_cast<size_t>(config.vocabulary)));
    batch.offsets.push_back(static_cast<int32_t>(batch.input_ids.size()));
  }
  if (config.type_vocabulary > 1)
    for (size_t i = 0; i < batch.input_ids.size(); ++i) batch.type_ids.push_back(static_cast<int32_t>(i % 3 == 0));
  batch.masked_rows.resize(batch.input_ids.size());
  std::iota(batch.masked_rows.begin(), batch.masked_rows.end(), 0);
  batch.labels = batch.input_ids;

  const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  onnx::Feed feed{.batch = static_cast<int64_t>(lengths.size()), .length = longest, .inputs = {}};
  auto &ids = feed.inputs["input_ids"], &mask = feed.inputs["attention_mask"];
  auto& types = feed.inputs["token_type_ids"];
  for (size_t k = 0; k < lengths.size(); ++k)
    for (int64_t i = 0; i < longest; ++i) {
      const auto token = static_cast<size_t>(batch.offsets[k] + i);
      const bool inside = i < lengths[k];
      ids.push_back(inside ? batch.input_ids[token] : std::max(config.padding_id, 0));
      mask.push_back(inside);
      types.push_back(inside && !batch.type_ids.empty() ? batch.type_ids[token] : 0);
    }
  if (config.type_vocabulary <= 1) feed.inputs.erase("token_type_ids");

  const std::vector<float> rows = run_graph(graph, feed, impl.model().backend());
  const std::span<const float> own = impl.logits(batch);
  Compared compared;
  size_t next = 0;
  for (size_t k = 0; k < lengths.size(); ++k)
    for (int64_t i = 0; i < lengths[k]; ++i)
      for (int64_t j = 0; j < config.vocabulary; ++j, ++next) {
        const float there = rows[static_cast<size_t>((static_cast<int64_t>(k) * longest + i) * config.vocabulary + j)];
        compared.largest = std::max(compared.largest, std::abs(double{there} - own[next]));
        compared.scale = std::max(compared.scale, std::abs(double{own[next]}));
      }
  EXPECT_EQ(next, own.size());
  return compared;
}

class OnnxGraph : public testing::TestWithParam<const char*> {};

TEST_P(OnnxGraph, ComputesWhatTheModelComputes) {
  for (const auto& lengths : {std::vector<int64_t>{1}, {9, 3, 12}, {5, 5}}) {
    const Compared c = compare(GetParam(), onnx::Precision::f32, lengths);
    EXPECT_LT(c.largest, 2e-5 * (1 + c.scale)) << lengths.size() << " sequences";
  }
}

TEST_P(OnnxGraph, InEightBitsIsNear) {
  const Compared c = compare(GetParam(), onnx::Precision::int8, {9, 3, 12});
  EXPECT_GT(c.largest, 0);  // it is another computation
  EXPECT_LT(c.largest, 0.2 * (1 + c.scale));
}

INSTANTIATE_TEST_SUITE_P(Families, OnnxGraph,
                         testing::Values("tiny-albert", "tiny-bert", "tiny-bert-untied", "tiny-camembert-untied",
                                         "tiny-distilbert", "tiny-distilbert-untied", "tiny-electra",
                                         "tiny-electra-untied", "tiny-modernbert", "tiny-modernbert-biased",
                                         "tiny-roberta"),
                         [](const auto& family) {
                           std::string name = family.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace tekio
