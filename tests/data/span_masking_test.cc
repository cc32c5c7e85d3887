// Spans: their lengths, what they come to on average (tests/golden/data/spans.json), one decision for each, and
// sequences that leave little to choose.
#include "data/span_masking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/json.h"
#include "data/chunks_of.h"

namespace tekio::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using TokenRow = std::vector<int32_t>;
using Starts = std::vector<uint8_t>;

CollatorOptions span_options(double rate = 0.15) {
  CollatorOptions o;
  o.masking = Masking::span;
  o.mlm_probability = rate;
  return o;
}

std::vector<int64_t> all_of(const Chunks& chunks) {
  std::vector<int64_t> numbers(static_cast<size_t>(chunks.size()));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

Batch masked_by_spans(const CollatorOptions& options, const Chunks& chunks) {
  return make_counter_collator(options, uncased_vocabulary())->collate(chunks, all_of(chunks), {}).batch;
}

/// The golden file's sequences: words of 1 to 3 tokens, texts of `text` words, [SEP] and [CLS] between them.
struct GoldenSequence {
  TokenRow ids;
  Starts starts;
  GoldenSequence(size_t tokens, int64_t text) {
    for (int64_t word = 0; ids.size() < tokens;) {
      for (int64_t i = 0; i < 1 + word * 7 % 3; ++i) add(static_cast<int32_t>(1000 + ids.size()), i == 0);
      if (++word % text == 0) add(102, true), add(101, true);
    }
    ids.resize(tokens);
    starts.resize(tokens);
  }
  void add(int32_t id, bool start) {
    ids.push_back(id);
    starts.push_back(start);
  }
  bool is_special(size_t t) const { return ids[t] < 1000; }
};

TEST(SpanLengths, AreGeometricUpToTheLongest) {
  const SpanLengths lengths(0.2, 10);
  EXPECT_EQ(lengths.of(0), 1);
  EXPECT_EQ(lengths.of(UINT32_MAX), 10);
  std::vector<double> share(10);
  double mean = 0;
  constexpr uint32_t kStep = 1 << 12;
  for (uint64_t word = 0; word < uint64_t{1} << 32; word += kStep) {
    const auto length = static_cast<size_t>(lengths.of(static_cast<uint32_t>(word)));
    share[length - 1] += kStep * 0x1p-32;
    mean += static_cast<double>(length) * kStep * 0x1p-32;
  }
  const double all = 1 - std::pow(0.8, 10);
  for (size_t l = 0; l < 10; ++l) EXPECT_NEAR(share[l], 0.2 * std::pow(0.8, static_cast<double>(l)) / all, 2e-6) << l;
  EXPECT_NEAR(mean, 3.797, 1e-3);  // "3.8" in the paper
  for (const uint32_t word : {0u, 1u << 31, UINT32_MAX}) {
    EXPECT_EQ(SpanLengths(1, 10).of(word), 1);
    EXPECT_EQ(SpanLengths(0.2, 1).of(word), 1);
  }
  EXPECT_NEAR(static_cast<double>(SpanLengths(1e-12, 1'000'000).of(1u << 31)), 500'000, 2);  // all lengths alike
}

TEST(Spans, AreWhatTheRuleComesToOnAverage) {
  const Json golden_cases = read_json(TEKIO_GOLDEN_DIR "/data/spans.json");
  ASSERT_EQ(golden_cases.size(), 5u);
  for (const Json& golden_case : golden_cases) {
    SCOPED_TRACE(golden_case.dump());
    const GoldenSequence sequence(golden_case.at("tokens"), golden_case.at("text"));
    const size_t length = sequence.ids.size(), rows = 6000;
    CollatorOptions options = span_options(golden_case.at("rate"));
    options.span_geometric_p = golden_case.at("p");
    options.max_span_length = golden_case.at("longest");
    const Chunks chunks = chunks_of(std::vector<TokenRow>(rows, sequence.ids),
                                    std::vector<Starts>(rows, sequence.starts), static_cast<int64_t>(length));
    const Batch batch = masked_by_spans(options, chunks);
    std::vector<uint8_t> chosen(batch.input_ids.size());
    for (const int32_t row : batch.masked_rows) chosen[static_cast<size_t>(row)] = 1;
    const Json& shares = golden_case.at("lengths");
    std::vector<double> lengths(shares.size());
    size_t spans = 0, run = 0, masked_tokens = 0, eligible = 0;
    const auto end_run = [&] {
      if (run > 0) ++lengths[std::min(run, lengths.size()) - 1], ++spans;
      run = 0;
    };
    for (size_t at = 0; at < chosen.size(); ++at) {
      const size_t t = at % length;
      if (t == 0) end_run();
      eligible += !sequence.is_special(t);
      masked_tokens += chosen[at];
      if (chosen[at] == 0)
        end_run();
      else if (t == 0 || sequence.starts[t] != 0)
        ++run;
      if (t > 0 && sequence.starts[t] == 0) {
        EXPECT_EQ(chosen[at], chosen[at - 1]) << "whole words";
      }
    }
    end_run();
    const double n = static_cast<double>(rows);
    const auto within = [](double got, const Json& value, const Json& error) {
      EXPECT_NEAR(got, value.get<double>(), 5 * std::sqrt(2.0) * error.get<double>() + 1e-12);
    };
    within(static_cast<double>(masked_tokens) / static_cast<double>(eligible), golden_case.at("share"),
           golden_case.at("share_error"));
    within(static_cast<double>(spans) / n, golden_case.at("spans"), golden_case.at("spans_error"));
    for (size_t l = 0; l < lengths.size(); ++l) {
      const double p = shares[l];
      EXPECT_NEAR(lengths[l] / static_cast<double>(spans), p,
                  7 * std::sqrt(p * (1 - p) / static_cast<double>(spans)) + 2e-4)
          << l + 1;
    }
    // The share that is asked for, and no more than a word of three tokens above.
    EXPECT_GE(static_cast<double>(masked_tokens), golden_case.at("rate").get<double>() * static_cast<double>(eligible));
    EXPECT_LT(static_cast<double>(masked_tokens),
              golden_case.at("rate").get<double>() * static_cast<double>(eligible) + 3 * n);
  }
}

TEST(Spans, HaveOneDecisionEach) {
  const GoldenSequence sequence(128, 1000);
  const size_t rows = 4000;
  const Chunks chunks =
      chunks_of(std::vector<TokenRow>(rows, sequence.ids), std::vector<Starts>(rows, sequence.starts));
  const Batch batch = masked_by_spans(span_options(0.2), chunks);
  int64_t spans = 0, by_mask = 0, by_random = 0, kept = 0;
  for (size_t m = 0, end; m < batch.masked_rows.size(); m = end) {
    size_t masks = 0, same = 0;
    for (end = m; end < batch.masked_rows.size() &&
                  batch.masked_rows[end] - batch.masked_rows[m] == static_cast<int32_t>(end - m) &&
                  (end == m || batch.masked_rows[end] % 128 != 0);
         ++end) {
      const int32_t seen = batch.input_ids[static_cast<size_t>(batch.masked_rows[end])];
      masks += seen == 103;
      same += seen == batch.labels[end];
    }
    const size_t size = end - m;
    ++spans;
    by_mask += masks == size;
    kept += same == size;
    by_random += masks < size && same < size;
    if (size > 2 && masks < size && same < size) {
      EXPECT_LE(masks + same, 1u) << "random tokens, each its own";
    }
  }
  const auto n = static_cast<double>(spans);
  EXPECT_NEAR(static_cast<double>(by_mask), 0.8 * n, 5 * std::sqrt(n * 0.16));
  EXPECT_NEAR(static_cast<double>(by_random), 0.1 * n, 5 * std::sqrt(n * 0.09));
  EXPECT_NEAR(static_cast<double>(kept), 0.1 * n, 5 * std::sqrt(n * 0.09));
}

/// Which tokens of one sequence are masked, with 20 epochs' draws.
std::vector<int> how_often(const TokenRow& ids, const Starts& starts, double rate) {
  const Chunks chunks = chunks_of({ids}, {starts});
  std::vector<int> times(ids.size());
  const auto collator = make_counter_collator(span_options(rate), uncased_vocabulary());
  for (uint64_t epoch = 0; epoch < 20; ++epoch)
    for (const int32_t row : collator->collate(chunks, std::vector<int64_t>{0}, {.epoch = epoch}).batch.masked_rows)
      ++times[static_cast<size_t>(row)];
  return times;
}

TEST(Spans, WhereThereIsLittleToChoose) {
  // Shorter than a span; [UNK] and a literal [MASK] are never masked, nor crossed.
  EXPECT_THAT(how_often({101, 2000, 102}, {0, 1, 1}, 0.15), ElementsAre(0, 20, 0));
  EXPECT_THAT(how_often({2000}, {1}, 1), ElementsAre(20));
  EXPECT_THAT(how_often({101, 2000, 100, 2001, 103, 2002, 102}, {0, 1, 1, 1, 1, 1, 1}, 1),
              ElementsAre(0, 20, 0, 20, 0, 20, 0));
  // One word is the whole chunk: all of it or nothing.
  EXPECT_THAT(how_often({2000, 2001, 2002, 2003}, {1, 0, 0, 0}, 0.15), ElementsAre(20, 20, 20, 20));
  // A chunk that begins within a word.
  EXPECT_THAT(how_often({2000, 2001, 102, 101}, {0, 0, 1, 1}, 0.5), ElementsAre(0, 0, 0, 0)) << "no word has begun";
  // But a word of more than ten tokens, and than the share, is a passage: spans are of its tokens then.
  TokenRow passage(101);
  std::iota(passage.begin(), passage.end(), 2000);
  passage.push_back(100);
  Starts starts(passage.size());
  starts.front() = 1;
  const std::vector<int> times = how_often(passage, starts, 0.15);
  EXPECT_EQ(std::accumulate(times.begin(), times.end(), 0), 20 * 16) << "ceil(0.15 * 101) in each draw";
  EXPECT_EQ(times.back(), 0);
  EXPECT_GT(std::count_if(times.begin(), times.end(), [](int n) { return n > 0; }), 60) << "all over it";
  EXPECT_THAT(
      how_often(TokenRow(passage.begin(), passage.begin() + 10), Starts(starts.begin(), starts.begin() + 10), 0.15),
      Each(20));
  // A special token within a word stays, the rest is the word.
  EXPECT_THAT(how_often({2000, 100, 2001}, {1, 0, 0}, 0.15), ElementsAre(20, 0, 20));
  // Nothing to mask at all.
  EXPECT_THAT(how_often({101, 102, 100, 103}, {1, 1, 1, 1}, 1), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(how_often({}, {}, 1), ElementsAre());
  EXPECT_THAT(how_often({2000, 2001}, {1, 1}, 0), ElementsAre(0, 0));
  EXPECT_THAT(how_often(TokenRow(100, 2000), Starts(100, 1), 1), testing::Each(20));
}

TEST(Spans, AreAFunctionOfSeedEpochAndChunk) {
  const GoldenSequence sequence(128, 9);
  const Chunks chunks = chunks_of(std::vector<TokenRow>(8, sequence.ids), std::vector<Starts>(8, sequence.starts));
  const auto rows = [&](uint64_t seed, uint64_t epoch, const Chunks& of, std::vector<int64_t> numbers) {
    CollatorOptions options = span_options();
    options.seed = seed;
    return make_counter_collator(options, uncased_vocabulary())
        ->collate(of, numbers, {.epoch = epoch})
        .batch.masked_rows;
  };
  EXPECT_EQ(rows(1, 0, chunks, {5}), rows(1, 0, chunks.select({5}), {0}));
  EXPECT_NE(rows(1, 0, chunks, {5}), rows(1, 0, chunks, {4}));
  EXPECT_NE(rows(1, 0, chunks, {5}), rows(1, 1, chunks, {5}));
  EXPECT_NE(rows(1, 0, chunks, {5}), rows(2, 0, chunks, {5}));
}

}  // namespace
}  // namespace tekio::test
