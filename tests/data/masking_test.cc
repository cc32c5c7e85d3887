// The reference's collators against the frozen ones of tests/golden/masks.*, and the counter form: what it is a
// function of, that it masks in the proportions asked for, and what it never touches.
#include "data/masking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "data/chunks_of.h"
#include "support/torch_draws.h"

namespace tekio::test {
namespace {

using testing::Each;
using testing::ElementsAre;

std::vector<int64_t> first(int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

// ---- the reference's ----

struct GoldenCase {
  Json json;
  std::string name() const { return json.at("name"); }
  CollatorOptions options() const {
    CollatorOptions o;
    o.seed = json.at("seed");
    o.mlm_probability = json.at("mlm_probability");
    o.mask_replace_prob = json.value("mask_replace_prob", 0.8);
    o.random_replace_prob = json.value("random_replace_prob", 0.1);
    o.pad_to_multiple_of = json.value("pad_to_multiple_of", 1);
    o.whole_word_mask = json.value("whole_word_mask", false);
    o.whole_word_rule = WholeWordRule::offsets;
    return o;
  }
};

TEST(ReferenceCollator, GivesWhatTheReferenceGives) {
  const Json golden = read_json(TEKIO_GOLDEN_DIR "/masks.json");
  const std::vector<std::vector<int32_t>> rows = golden_rows();
  const auto& offset_tensor = golden_masks().at("offsets");
  ASSERT_EQ(golden.at("collator").size(), 10u);
  for (const Json& json : golden.at("collator")) {
    const GoldenCase golden_case{json};
    SCOPED_TRACE(golden_case.name());
    std::vector<int32_t> special;
    for (int i = 0; i < 8; ++i) special.insert(special.end(), {101, 100, 103, 2000, 100, 102});
    std::vector<uint8_t> special_mask;
    for (int i = 0; i < 8; ++i) special_mask.insert(special_mask.end(), {1, 0, 0, 0, 0, 1});
    std::vector<std::vector<int32_t>> words(8);  // tokens that touch are one
    for (int64_t r = 0; r < 8; ++r) {
      const auto offsets = offset_tensor.row(r);
      int32_t word = 0;
      for (size_t i = 0; i < offsets.size(); i += 2)
        words[static_cast<size_t>(r)].push_back(i > 0 && offsets[i] == offsets[i - 1] ? word : ++word);
    }
    std::vector<MaskingRow> input;
    const std::string name = golden_case.name();
    if (name == "padded") {
      for (const auto& [row, length] : std::vector<std::pair<size_t, size_t>>{{0, 5}, {1, 17}, {2, 30}, {3, 1}})
        input.push_back({.ids = std::span(rows[row]).first(length)});
    } else if (name == "special_column") {
      input.push_back({.ids = special, .special_tokens_mask = special_mask});
    } else if (name == "special_by_id") {
      input.push_back({.ids = special});
    } else if (name == "whole_words") {
      for (size_t r = 0; r < 8; ++r) input.push_back({.ids = rows[r], .word_ids = words[r]});
    } else {
      const size_t count = name.starts_with("tokens.") ? 8 : 4;
      for (size_t r = 0; r < count; ++r) input.push_back({.ids = rows[r]});
    }
    ReferenceStreams streams(golden_case.options().seed);
    ReferenceCollator collator(golden_case.options(), uncased_vocabulary(), streams);
    const PaddedBatch got = padded(collator.collate(input, false).batch);
    EXPECT_EQ(got.input_ids, golden_masks().at(name + ".input_ids").values);
    EXPECT_EQ(got.labels, golden_masks().at(name + ".labels").values);
    for (const Json& number : json.at("rand_after")) EXPECT_EQ(torch_rand(streams.torch), number.get<float>());
  }
}

TEST(ReferenceCollator, MasksChunksAsItMasksRows) {
  const auto rows = golden_rows();
  const Chunks chunks = chunks_of(rows);
  ReferenceStreams streams(42);
  ReferenceCollator collator({}, uncased_vocabulary(), streams);
  const PaddedBatch got = padded(collator.collate(chunks, first(8), {}).batch);
  EXPECT_EQ(got.input_ids, golden_masks().at("tokens.seed42.input_ids").values);
  EXPECT_EQ(got.labels, golden_masks().at("tokens.seed42.labels").values);
}

TEST(ReferenceCollator, ChecksumsAreOfThePaddedArrays) {
  const std::vector<int32_t> shorter{101, 2000, 102}, longer{101, 2001, 2002, 2003, 102};
  CollatorOptions options;
  options.mlm_probability = 1;
  options.mask_replace_prob = 1;
  options.random_replace_prob = 0;
  ReferenceStreams streams(1);
  ReferenceCollator collator(options, uncased_vocabulary(), streams);
  const std::vector<MaskingRow> rows{{.ids = shorter}, {.ids = longer}};
  const CollatedBatch got = collator.collate(rows, true);
  // zlib.crc32(numpy.array([[101, 103, 102, 0, 0], …]).tobytes()), and of the labels with -100
  EXPECT_EQ(got.input_ids_crc32, 3859060018u);
  EXPECT_EQ(got.labels_crc32, 488659252u);
  EXPECT_EQ(got.batch.padded_length, 5);
  EXPECT_THAT(got.batch.offsets, ElementsAre(0, 3, 8));
  EXPECT_THAT(got.batch.masked_rows, ElementsAre(1, 4, 5, 6));
  EXPECT_THAT(got.batch.labels, ElementsAre(2000, 2001, 2002, 2003));
  EXPECT_TRUE(got.batch.type_ids.empty());
}

// The walkthrough's collator itself (numpy 2.4) gave these: seed 42, wwm_probability 0.2, three sequences. In the
// second, a one-word text ends and another begins: [SEP] [CLS] lie between two tokens of word 0, which are one word to
// the collator.
TEST(ReferenceCollator, WholeWordsAsInTheWalkthrough) {
  const std::vector<std::vector<int32_t>> ids{
      {101, 2000, 2001, 2002, 2003, 2004, 2005, 2006, 2007, 2008, 2009, 2010, 2011, 2012, 2013, 102},
      {2100, 102, 101, 2101, 102, 101, 2102, 2103, 2104, 2105, 2106, 2107, 2108, 2109, 102, 101},
      {2200, 2201, 2202, 2203, 2204, 2205, 2206, 2207, 2208, 2209, 2210, 2211, 2212, 2213, 2214, 2215}};
  const std::vector<std::vector<int32_t>> word_ids{{-1, 0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 6, 7, 8, 9, -1},
                                                   {5, -1, -1, 0, -1, -1, 0, 0, 1, 2, 3, 3, 4, 5, -1, -1},
                                                   {7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14}};
  CollatorOptions options;
  options.whole_word_mask = true;
  ReferenceStreams streams(42);
  ReferenceCollator collator(options, uncased_vocabulary(), streams);
  std::vector<MaskingRow> rows;
  for (size_t r = 0; r < ids.size(); ++r) rows.push_back({.ids = ids[r], .word_ids = word_ids[r]});
  const PaddedBatch got = padded(collator.collate(rows, false).batch);
  EXPECT_THAT(got.input_ids,
              ElementsAre(101, 2000, 2001, 103, 2003, 2004, 2005, 2006, 2007, 2008, 2009, 2010, 103, 2012, 2013, 102,
                          2100, 102, 101, 103, 102, 101, 103, 103, 103, 2105, 2106, 2107, 2108, 2109, 102, 101, 2200,
                          2201, 2202, 2203, 2204, 2205, 2206, 2207, 2208, 2209, 2210, 2211, 2212, 2213, 2214, 2215));
  EXPECT_THAT(got.labels, ElementsAre(-100, -100, -100, 2002, -100, -100, -100, -100, -100, -100, -100, -100, 2011,
                                      -100, -100, -100, -100, -100, -100, 2101, -100, -100, 2102, 2103, 2104, -100,
                                      -100, -100, -100, -100, -100, -100, -100, -100, -100, -100, -100, -100, -100,
                                      -100, -100, -100, -100, -100, -100, -100, -100, -100));
  EXPECT_EQ(streams.numpy.rand(), 0.7851759613930136);
  EXPECT_EQ(streams.torch.word(), TorchStream(42).word());
}

TEST(FrozenReferenceMasks, AreOneCallCutIntoBatches) {
  std::vector<std::vector<int32_t>> rows = golden_rows();
  for (size_t i = 0; i < rows.size(); ++i) rows[i].resize(120 - 2 * i);  // ragged: the whole call's width counts
  const Chunks chunks = chunks_of(rows);
  for (const bool whole_word : {false, true}) {
    for (const double random_replace : {0.1, 0.0}) {
      CollatorOptions options;
      options.whole_word_mask = whole_word;
      options.random_replace_prob = random_replace;
      options.seed = 7;
      ReferenceStreams streams(options.seed);
      ReferenceCollator collator(options, uncased_vocabulary(), streams);
      const PaddedBatch expected = padded(collator.collate(chunks, first(48), {}).batch);
      FrozenReferenceMasks frozen(options, uncased_vocabulary(), chunks);
      for (int pass = 0; pass < 2; ++pass) {
        PaddedBatch got;
        for (const int64_t count : {5, 1, 30, 12}) {
          const PaddedBatch part = padded(frozen.next(count, false).batch);
          got.input_ids.insert(got.input_ids.end(), part.input_ids.begin(), part.input_ids.end());
          got.labels.insert(got.labels.end(), part.labels.begin(), part.labels.end());
        }
        EXPECT_EQ(got.input_ids, expected.input_ids);
        EXPECT_EQ(got.labels, expected.labels);
        EXPECT_EQ(frozen.next(5, false).batch.sequences(), 0);
        frozen.rewind();
      }
    }
  }
}

// ---- the counter form ----

/// Texts of random tokens, some of them special, in words of one to four tokens.
struct Corpus {
  std::vector<std::vector<int32_t>> rows;
  std::vector<std::vector<uint8_t>> word_starts;
  explicit Corpus(int count, size_t length = 128) {
    TorchStream random(3);
    const auto below = [&](int64_t end) { return torch_randint(random, end); };
    for (int r = 0; r < count; ++r) {
      rows.emplace_back();
      word_starts.emplace_back();
      while (rows.back().size() < length) {
        const int64_t kind = below(20);
        const int64_t tokens = kind == 0 ? 1 : 1 + below(4);
        for (int64_t t = 0; t < tokens && rows.back().size() < length; ++t) {
          const int32_t specials[] = {0, 100, 101, 102, 103};
          rows.back().push_back(kind == 0 ? specials[below(5)] : static_cast<int32_t>(1000 + below(29000)));
          word_starts.back().push_back(t == 0);
        }
      }
    }
  }
  Chunks chunks() const { return chunks_of(rows, word_starts); }
};

std::string text_of(const CollatedBatch& b) {
  return Json{b.batch.input_ids, b.batch.offsets,   b.batch.masked_rows,
              b.batch.labels,    b.input_ids_crc32, b.labels_crc32}
      .dump();
}

TEST(CounterCollator, DoesNotDependOnHowChunksAreGrouped) {
  const Corpus corpus(60);
  const Chunks all = corpus.chunks();
  for (const bool whole_word : {false, true}) {
    CollatorOptions options;
    options.whole_word_mask = whole_word;
    const auto collator = make_counter_collator(options, uncased_vocabulary());
    const Batch together = collator->collate(all, first(60), {.epoch = 3}).batch;
    const Chunks view = all.select({50, 7, 7, 59, 0});
    const auto again = make_counter_collator(options, uncased_vocabulary());
    const Batch picked = again->collate(view, std::vector<int64_t>{2, 4, 0, 3}, {.epoch = 3}).batch;
    const std::vector<size_t> expected{7, 0, 50, 59};
    for (size_t k = 0; k < expected.size(); ++k) {
      const auto sequence = [](const Batch& b, size_t s) {
        std::vector<int32_t> out(b.input_ids.begin() + b.offsets[s], b.input_ids.begin() + b.offsets[s + 1]);
        for (size_t m = 0; m < b.masked_rows.size(); ++m)
          if (b.masked_rows[m] >= b.offsets[s] && b.masked_rows[m] < b.offsets[s + 1]) {
            out.push_back(b.masked_rows[m] - b.offsets[s]);
            out.push_back(b.labels[m]);
          }
        return out;
      };
      EXPECT_EQ(sequence(picked, k), sequence(together, expected[k]));
    }
  }
}

TEST(CounterCollator, SeedEpochAndUseEachGiveOtherMasks) {
  const Chunks chunks = Corpus(20).chunks();
  std::set<std::string> seen;
  for (const bool whole_word : {false, true})
    for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40})
      for (const uint64_t epoch : {0, 1, 2})
        for (const RandomUse use : {RandomUse::mask, RandomUse::evaluation_mask}) {
          CollatorOptions options;
          options.seed = seed;
          options.whole_word_mask = whole_word;
          seen.insert(text_of(make_counter_collator(options, uncased_vocabulary(), use)
                                  ->collate(chunks, first(20), {.epoch = epoch, .checksums = true})));
        }
  EXPECT_EQ(seen.size(), 36u);
}

// Frozen here so that a checkpoint's masks stay what they are in every later version.
TEST(CounterCollator, ItsMasksNeverChange) {
  const Chunks chunks = chunks_of(golden_rows());
  const auto masked = [&](bool whole_word) {
    CollatorOptions options;
    options.whole_word_mask = whole_word;
    return make_counter_collator(options, uncased_vocabulary())
        ->collate(chunks, first(48), {.epoch = 1, .checksums = true});
  };
  EXPECT_EQ(masked(false).input_ids_crc32, 1629290603u);
  EXPECT_EQ(masked(false).labels_crc32, 1823635970u);
  EXPECT_EQ(masked(true).input_ids_crc32, 1819276602u);
}

/// Whether `count` of `trials` with chance p is within four standard deviations.
void expect_share(int64_t count, int64_t trials, double p, const char* what) {
  const double n = static_cast<double>(trials);
  EXPECT_NEAR(static_cast<double>(count), n * p, 4 * std::sqrt(n * p * (1 - p))) << what;
}

TEST(CounterCollator, MasksTokensInTheProportionsAskedFor) {
  const Corpus corpus(8000);
  const Chunks chunks = corpus.chunks();
  const MaskingVocabulary vocabulary = uncased_vocabulary();
  struct Shares {
    double choose, mask, randomise;
  };
  for (const Shares& shares : {Shares{.15, .8, .1}, Shares{.4, .5, .3}, Shares{1, .1, .9}}) {
    CollatorOptions options;
    options.mlm_probability = shares.choose;
    options.mask_replace_prob = shares.mask;
    options.random_replace_prob = shares.randomise;
    const Batch b = make_counter_collator(options, vocabulary)->collate(chunks, first(8000), {}).batch;
    int64_t eligible = 0, masked = 0, kept = 0, low = 0, changed = 0;
    size_t next = 0;
    for (size_t t = 0; t < b.input_ids.size(); ++t) {
      const int32_t original = corpus.rows[t / 128][t % 128];
      const bool is_chosen = next < b.masked_rows.size() && b.masked_rows[next] == static_cast<int32_t>(t);
      if (vocabulary.is_special(original)) {
        EXPECT_FALSE(is_chosen);
        EXPECT_EQ(b.input_ids[t], original);
        continue;
      }
      ++eligible;
      if (!is_chosen) {
        EXPECT_EQ(b.input_ids[t], original);
        continue;
      }
      EXPECT_EQ(b.labels[next], original);
      ++next;
      masked += b.input_ids[t] == vocabulary.mask_id;
      kept += b.input_ids[t] == original;
      if (b.input_ids[t] != original && b.input_ids[t] != vocabulary.mask_id) {
        ++changed;
        low += b.input_ids[t] < vocabulary.size / 2;
        EXPECT_LT(b.input_ids[t], vocabulary.size);
        EXPECT_GE(b.input_ids[t], 0);
      }
    }
    const auto chosen = static_cast<int64_t>(next);
    const double hit =
        shares.randomise / static_cast<double>(vocabulary.size);  // a random token that is the mask, or the same
    expect_share(chosen, eligible, shares.choose, "chosen");
    expect_share(masked, chosen, shares.mask + hit, "masked");
    expect_share(kept, chosen, 1 - shares.mask - shares.randomise + hit, "kept");
    expect_share(low, changed, .5, "random tokens of the lower half");
  }
}

TEST(CounterCollator, EveryPositionAndEveryChunkHasTheSameChance) {
  const Chunks chunks = Corpus(8000).chunks();
  CollatorOptions options;
  MaskingVocabulary vocabulary = uncased_vocabulary();
  vocabulary.special_ids.clear();
  const Batch b = make_counter_collator(options, vocabulary)->collate(chunks, first(8000), {}).batch;
  std::vector<int64_t> by_position(128), pairs(127);
  std::vector<uint8_t> chosen(b.input_ids.size());
  for (const int32_t row : b.masked_rows)
    chosen[static_cast<size_t>(row)] = 1, ++by_position[static_cast<size_t>(row) % 128];
  for (size_t p = 0; p < 128; ++p)
    EXPECT_NEAR(static_cast<double>(by_position[p]), 1200, 5 * std::sqrt(8000 * .15 * .85)) << p;
  for (size_t t = 0; t + 1 < chosen.size(); ++t)  // neighbours are independent
    if (t % 128 != 127) pairs[t % 128] += chosen[t] & chosen[t + 1];
  for (size_t p = 0; p < 127; ++p)
    EXPECT_NEAR(static_cast<double>(pairs[p]), 180, 5 * std::sqrt(8000 * .0225 * .9775)) << p;
}

TEST(CounterCollator, MasksWholeWords) {
  const Corpus corpus(4000);
  const MaskingVocabulary vocabulary = uncased_vocabulary();
  CollatorOptions options;
  options.whole_word_mask = true;
  const Batch b = make_counter_collator(options, vocabulary)->collate(corpus.chunks(), first(4000), {}).batch;
  std::vector<uint8_t> chosen(b.input_ids.size());
  for (const int32_t row : b.masked_rows) chosen[static_cast<size_t>(row)] = 1;
  int64_t words = 0, chosen_words = 0;
  for (size_t t = 0; t < chosen.size(); ++t) {
    const int32_t original = corpus.rows[t / 128][t % 128];
    const bool special = vocabulary.is_special(original);
    EXPECT_EQ(b.input_ids[t], chosen[t] != 0 ? vocabulary.mask_id : original);
    if (special) {
      EXPECT_EQ(chosen[t], 0);
      continue;
    }
    if (corpus.word_starts[t / 128][t % 128] != 0) {
      ++words;
      chosen_words += chosen[t];
    } else {
      EXPECT_EQ(chosen[t], chosen[t - 1]);  // a word's tokens go together
    }
  }
  expect_share(chosen_words, words, .2, "words");
}

TEST(CounterCollator, ABatchWithoutAChosenTokenIsLegal) {
  const Chunks chunks = chunks_of({{101, 102}, {101, 100, 102}});
  const CollatedBatch got =
      make_counter_collator({}, uncased_vocabulary())->collate(chunks, first(2), {.checksums = true});
  EXPECT_TRUE(got.batch.masked_rows.empty());
  EXPECT_TRUE(got.batch.labels.empty());
  EXPECT_EQ(got.batch.sequences(), 2);
  EXPECT_EQ(got.batch.padded_length, 3);
}

}  // namespace
}  // namespace tekio::test
