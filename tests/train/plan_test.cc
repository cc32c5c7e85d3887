// The arithmetic that speed is measured by, at DistilBERT-base's size.
#include "train/plan.h"

#include <gtest/gtest.h>

namespace tekio {
namespace {

ModelConfig distilbert_base() {
  ModelConfig config;
  config.vocabulary = 30522;
  config.width = 768;
  config.layers = 6;
  config.heads = 12;
  config.inner = 3072;
  config.max_positions = 512;
  return config;
}

TEST(Plan, CountsWhatTrainingOnAChunkNeeds) {
  const ModelConfig config = distilbert_base();
  // Everything for everyone: six layers of 12 C^2 weights, attention's 2 T C a layer, and the head, 6 operations each.
  const double c = 768;
  const double all = 6 * (6 * 12 * c * c + 6 * 2 * 128 * c + c * c + c * 30522);
  EXPECT_DOUBLE_EQ(flops_per_chunk(config, 128, 1), 128 * all);
  EXPECT_NEAR(flops_per_chunk(config, 128, 1) / 128e6, 406.1, 0.05);
  // Masked rows only where that is exact.
  EXPECT_NEAR(flops_per_chunk(config, 128, 0.15) / 128e6, 252.4, 0.05);
}

TEST(Plan, CountsKeysAndValuesOfTheLastLayerForAll) {
  ModelConfig config = distilbert_base();
  config.layers = 1;
  EXPECT_DOUBLE_EQ(flops_per_chunk(config, 10, 0), 10 * 6 * 2 * 768.0 * 768.0);
}

}  // namespace
}  // namespace tekio
