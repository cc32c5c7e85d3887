// Sums over chunks: the loss does not depend on the cut into batches, the reference's does; the interval against a
// simulation.
#include "train/evaluation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/random/counter.h"
#include "tiny.h"

namespace tekio::test {
namespace {

/// Chunks with these losses, `hits` of whose masked tokens the model knew.
ChunkLosses of_chunks(std::vector<double> losses, std::vector<int64_t> masked, int64_t hits) {
  ChunkLosses made{.losses = std::move(losses), .masked = std::move(masked), .tokens = {}};
  for (size_t k = 0; k < made.losses.size(); ++k)
    for (int64_t i = 0; i < made.masked[k]; ++i)
      made.tokens.push_back({5, static_cast<int32_t>(i),
                             static_cast<float>(made.losses[k] / static_cast<double>(made.masked[k])), 0.5f,
                             hits-- > 0});
  return made;
}

TEST(LossSumsTest, TokenMeanWhateverTheCut) {
  LossSums one, two;
  one.add(of_chunks({10, 2, 6}, {4, 1, 1}, 3));
  two.add(of_chunks({10}, {4}, 1));
  two.add(of_chunks({2, 6}, {1, 1}, 2));
  EXPECT_EQ(one.each().tokens.size(), 6);
  EXPECT_EQ(two.each().tokens.size(), 6);
  EXPECT_DOUBLE_EQ(one.report().loss, 3);
  EXPECT_DOUBLE_EQ(two.report().loss, 3);
  EXPECT_DOUBLE_EQ(one.report().perplexity, std::exp(3));
  EXPECT_DOUBLE_EQ(one.report().reference_loss, 3);
  EXPECT_DOUBLE_EQ(two.report().reference_loss, (1 * 2.5 + 2 * 4.0) / 3);  // sequences times each batch's own mean
  EXPECT_EQ(one.report().accuracy, 0.5);
  EXPECT_EQ(two.report().accuracy, 0.5);
  EXPECT_EQ(two.report().masked_tokens, 6);
  EXPECT_EQ(two.report().chunks, 3);
}

TEST(LossSumsTest, TheIntervalHoldsTheTruthNineteenTimesInTwenty) {
  // Chunks of 1 to 30 masked tokens whose losses are noisy around 2: how often does the interval hold exp(2)?
  int held = 0;
  constexpr int kTrials = 2000;
  for (uint32_t trial = 0; trial < kTrials; ++trial) {
    LossSums sums;
    for (uint32_t chunk = 0; chunk < 100; ++chunk) {
      const auto words = random_words(random_key(1, trial), {chunk, 0, 0, 0});
      const int64_t masked = 1 + words[0] % 30;
      const double mean = 2 + (to_unit_float(words[1]) + to_unit_float(words[2]) - 1.0);  // a chunk's own difficulty
      sums.add(of_chunks({static_cast<double>(masked) * mean}, {masked}, 0));
    }
    const EvaluationReport r = sums.report();
    held += std::abs(r.perplexity - std::exp(2.0)) <= r.perplexity_interval;
  }
  EXPECT_NEAR(held / static_cast<double>(kTrials), 0.95, 0.015);
}

TEST(LossSumsTest, ChunksWithoutMaskedTokensSayNothingOfTheSpread) {
  LossSums one, two, three;
  one.add(of_chunks({6, 0}, {2, 0}, 0));
  EXPECT_EQ(one.report().perplexity_interval, INFINITY) << "one chunk's spread is unknown";
  two.add(of_chunks({6, 0, 10}, {2, 0, 3}, 0));
  three.add(of_chunks({6, 10}, {2, 3}, 0));
  EXPECT_DOUBLE_EQ(two.report().perplexity_interval, three.report().perplexity_interval);
}

TEST(LossDifferenceTest, IsTheDifferenceOfTheMeanLosses) {
  const ChunkLosses a = of_chunks({10, 2, 6}, {4, 1, 1}, 0), b = of_chunks({8, 3, 6.5}, {4, 1, 1}, 0);
  const LossDifference d = loss_difference(a, b);
  EXPECT_DOUBLE_EQ(d.loss, (10 + 2 + 6 - 8 - 3 - 6.5) / 6);
  // Without a chunk each: (-1.5) / 2, 1.5 / 5, 1 / 5; t(2) = 4.303.
  const double mean = (-0.75 + 0.3 + 0.2) / 3;
  const double squares = std::pow(-0.75 - mean, 2) + std::pow(0.3 - mean, 2) + std::pow(0.2 - mean, 2);
  EXPECT_NEAR(d.high - d.loss, 4.302653 * std::sqrt(2.0 / 3 * squares), 1e-6);
  EXPECT_NEAR(d.loss - d.low, d.high - d.loss, 1e-12);
  const LossDifference back = loss_difference(b, a);
  EXPECT_DOUBLE_EQ(back.loss, -d.loss);
  EXPECT_NEAR(back.high, -d.low, 1e-12);
  const LossDifference same = loss_difference(a, a);
  EXPECT_EQ(same.loss, 0);
  EXPECT_EQ(same.low, 0);
  EXPECT_EQ(same.high, 0);
}

TEST(LossDifferenceTest, OneChunkHasNoSpread) {
  for (const ChunkLosses& one : {ChunkLosses{{10}, {4}}, ChunkLosses{{10, 0}, {4, 0}}}) {
    ChunkLosses other = one;
    other.losses[0] = 9;
    const LossDifference d = loss_difference(one, other);
    EXPECT_DOUBLE_EQ(d.loss, 0.25);
    EXPECT_TRUE(std::isinf(d.low) && d.low < 0);
    EXPECT_TRUE(std::isinf(d.high) && d.high > 0);
  }
}

TEST(LossDifferenceTest, OtherMasksAreRefused) {
  const ChunkLosses a{{10, 2}, {4, 1}};
  for (const ChunkLosses& other : {ChunkLosses{{10, 2}, {3, 1}}, ChunkLosses{{10}, {4}}, ChunkLosses{}})
    EXPECT_THROW(loss_difference(a, other), Error);
  EXPECT_THROW(loss_difference({}, {}), Error);
}

TEST(LossDifferenceTest, TheIntervalHoldsTheTruthNineteenTimesInTwenty) {
  // Chunks that are as hard for both models, a difference of -0.02 a token that differs by chunk, few and many chunks.
  // Of few, whose sizes differ, a ratio's spread is told a little too small: 92 % were seen of 5, 93.3 % of 12.
  for (const auto& [chunks, tolerance] : {std::pair{5u, 0.04}, {12u, 0.025}, {100u, 0.015}}) {
    int held = 0;
    constexpr int kTrials = 3000;
    for (uint32_t trial = 0; trial < kTrials; ++trial) {
      ChunkLosses a, b;
      for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
        const auto words = random_words(random_key(2, trial), {chunk, 0, 0, 0});
        const int64_t masked = 1 + words[0] % 30;
        const auto tokens = static_cast<double>(masked);
        const double hard = 2 + to_unit_float(words[1]);
        const double gain = -0.02 + 0.4 * (to_unit_float(words[2]) + to_unit_float(words[3]) - 1.0);
        a.losses.push_back(tokens * (hard + gain)), a.masked.push_back(masked);
        b.losses.push_back(tokens * hard), b.masked.push_back(masked);
      }
      const LossDifference d = loss_difference(a, b);
      EXPECT_LE(d.low, d.loss);
      EXPECT_LE(d.loss, d.high);
      held += d.low <= -0.02 && -0.02 <= d.high;
    }
    EXPECT_NEAR(held / static_cast<double>(kTrials), 0.95, tolerance) << chunks << " chunks";
  }
}

using Evaluate = TinyRun;

TEST_F(Evaluate, GivesWhatEachChunkContributed) {
  const Chunks chunks = split().test;
  ChunkLosses each;
  const EvaluationReport report = evaluate(model(), tokenizer(), chunks, {.batch_size = 5}, &each);
  ASSERT_EQ(each.losses.size(), static_cast<size_t>(chunks.size()));
  double loss = 0;
  int64_t masked = 0;
  for (size_t k = 0; k < each.losses.size(); ++k) loss += each.losses[k], masked += each.masked[k];
  EXPECT_EQ(masked, report.masked_tokens);
  EXPECT_NEAR(loss / static_cast<double>(masked), report.loss, 1e-12);
  ASSERT_EQ(each.tokens.size(), static_cast<size_t>(masked));
  double token_loss = 0;
  int64_t hits = 0;
  for (const MaskedToken& token : each.tokens) {
    token_loss += token.loss;
    hits += token.hit;
    EXPECT_TRUE(0 < token.confidence && token.confidence <= 1) << token.confidence;
    EXPECT_GE(token.confidence * 1.000001, std::exp(-token.loss)) << "none is likelier than the likeliest";
  }
  EXPECT_NEAR(token_loss, loss, 1e-4);
  EXPECT_EQ(static_cast<double>(hits) / static_cast<double>(masked), report.accuracy);
}

TEST_F(Evaluate, TheSameFigureEachTimeAndForEveryBatchSize) {
  const Chunks chunks = split().test;
  const EvaluationReport a = evaluate(model(), tokenizer(), chunks, {.batch_size = 12});
  const EvaluationReport b = evaluate(model(), tokenizer(), chunks, {.batch_size = 5});
  EXPECT_EQ(a.masked_tokens, b.masked_tokens);
  EXPECT_NEAR(a.loss, b.loss, 1e-9);
  EXPECT_EQ(a.loss, evaluate(model(), tokenizer(), chunks, {.batch_size = 12}).loss);
  EXPECT_NEAR(a.perplexity, 600, 120);  // a model that knows nothing: about one in 600
  EXPECT_GT(a.perplexity_interval, 0);
  EXPECT_EQ(a.chunks, 12);
  EXPECT_EQ(evaluate(model(), tokenizer(), chunks, {.max_chunks = 1}).perplexity_interval, INFINITY);
  EXPECT_EQ(a.loss, evaluate(model(), tokenizer(), chunks, {.batch_size = int64_t{1} << 30}).loss)
      << "memory is for the chunks that there are";
}

TEST_F(Evaluate, SeedsStreamsAndLimits) {
  const Chunks chunks = split().test;
  const EvaluationReport a = evaluate(model(), tokenizer(), chunks);
  EXPECT_NE(a.loss, evaluate(model(), tokenizer(), chunks, {{.seed = 43}}).loss);
  EXPECT_NE(a.loss, evaluate(model(), tokenizer(), chunks, {{.masking_rng = MaskingRng::torch}}).loss);
  EXPECT_EQ(evaluate(model(), tokenizer(), chunks, {{.masking_rng = MaskingRng::torch}}).loss,
            evaluate(model(), tokenizer(), chunks, {{.masking_rng = MaskingRng::torch_cpu}}).loss);
  EXPECT_EQ(evaluate(model(), tokenizer(), chunks, {.max_chunks = 3}).chunks, 3);
  EXPECT_EQ(evaluate(model(), tokenizer(), chunks, {{.whole_word_mask = true}}).chunks, 12);
}

TEST_F(Evaluate, BadOptionsAreUsageErrors) {
  const Chunks chunks = split().test;
  const auto tried = [&](EvaluationOptions o) {
    return message_of(ErrorKind::usage, [&] { evaluate(model(), tokenizer(), chunks, o); });
  };
  EXPECT_NE(tried({.batch_size = 0}).find("per_device_eval_batch_size"), std::string::npos);
  EXPECT_NE(tried({{.mlm_probability = 0}}).find("mlm_probability"), std::string::npos);
  EXPECT_NE(tried({{.wwm_probability = 2}}).find("wwm_probability"), std::string::npos);
  EXPECT_NE(tried({.max_chunks = -1}).find("max_chunks"), std::string::npos);
}

TEST_F(Evaluate, WhatCannotBeEvaluatedIsAnInputError) {
  const Chunks chunks = split().test;
  EXPECT_NE(message_of(ErrorKind::input, [&] { evaluate(model(), tokenizer(), chunks.select({})); }).find("no chunk"),
            std::string::npos);
  EXPECT_NE(message_of(ErrorKind::input,
                       [&] { evaluate(model(), tokenizer(), chunks.select({0}), {{.mlm_probability = 1e-9}}); })
                .find("was masked"),
            std::string::npos);
  MaskedLM broken = model();
  MaskedLMImpl::of(broken).model().weights().tensors_to_change().head_norm.weight.values()[0] =
      std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(message_of(ErrorKind::input, [&] { evaluate(broken, tokenizer(), chunks); })
                .find("the loss on 12 evaluation chunks is nan, too large or no number"),
            std::string::npos);
}

TEST_F(Evaluate, AnotherModelsTokenizerIsRefused) {
  std::ofstream(folder_ / "tokenizer" / "vocab.txt", std::ios::app) << "zzzz\n";
  const Chunks chunks = split().test;
  EXPECT_NE(message_of(ErrorKind::input, [&] { evaluate(model(), tokenizer(), chunks); }).find("601 entries"),
            std::string::npos);
}

TEST_F(Evaluate, ChunksLongerThanTheModelAreRefused) {
  const Chunks chunks = chunk(load_dataset((folder_ / "text.txt").string())["train"], tokenizer(),
                              {.chunk_size = 32, .use_cache = false});
  EXPECT_NE(message_of(ErrorKind::usage, [&] { evaluate(model(), tokenizer(), chunks); }).find("chunk_size 32"),
            std::string::npos);
}

}  // namespace
}  // namespace tekio::test
