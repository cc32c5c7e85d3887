// Every entry of tests/golden/rng.json, drawn by torch and numpy themselves, must come out here exactly; and what the
// streams offer beyond single draws (bulk words, skips, saved states) must equal the single draws.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/random/counter.h"
#include "base/random/numpy_legacy.h"
#include "base/random/numpy_permutation.h"
#include "base/random/python_random.h"
#include "base/random/torch_stream.h"
#include "support/sha256.h"
#include "support/torch_draws.h"

namespace tekio::test {
namespace {

using Numbers = std::vector<int64_t>;

struct Seed {
  uint64_t value;
  Json entries;
};

std::vector<Seed> golden() {
  static const Json document = read_json(TEKIO_GOLDEN_DIR "/rng.json");
  std::vector<Seed> seeds;
  for (const auto& [name, entries] : document.items())
    if (name.starts_with("seed ")) seeds.push_back({std::stoull(name.substr(5)), entries});
  EXPECT_EQ(seeds.size(), 4u);
  return seeds;
}

/// Golden lists beyond 40 numbers are kept as their ends and the digest of all.
void expect_numbers(const Numbers& got, const Json& expected) {
  if (expected.is_array()) {
    EXPECT_EQ(got, expected.get<Numbers>());
    return;
  }
  const auto first = expected["first"].get<Numbers>(), last = expected["last"].get<Numbers>();
  ASSERT_GE(got.size(), first.size() + last.size());
  EXPECT_EQ(Numbers(got.begin(), got.begin() + static_cast<int64_t>(first.size())), first);
  EXPECT_EQ(Numbers(got.end() - static_cast<int64_t>(last.size()), got.end()), last);
  EXPECT_EQ(sha256_int64(got), expected["sha256"].get<std::string>());
}

Numbers bernoulli(TorchStream& stream, int64_t count, float p) {
  Numbers ones;
  for (int64_t i = 0; i < count; ++i)
    if (torch_rand(stream) < p) ones.push_back(i);
  return ones;
}

Numbers dropout(TorchStream& stream, size_t count, double rate, uint8_t wanted) {
  std::vector<uint8_t> kept(count);
  stream.dropout_kept(kept, rate);
  Numbers positions;
  for (size_t i = 0; i < count; ++i)
    if (kept[i] == wanted) positions.push_back(static_cast<int64_t>(i));
  return positions;
}

/// A shuffling loader's epoch: the workers' base seed, then the sampler's seed, both from the one stream.
Numbers loader_epoch(TorchStream& stream, int64_t n) {
  stream.random_int64();
  return TorchStream(static_cast<uint64_t>(stream.random_int64())).randperm(n);
}

TEST(TorchStream, GivesWhatTorchGives) {
  for (const auto& [seed, entries] : golden()) {
    SCOPED_TRACE(seed);
    for (const auto& entry : entries["torch"].items()) {
      const std::string& name = entry.key();
      const Json& expected = entry.value();
      SCOPED_TRACE(name);
      TorchStream stream(seed);
      const auto times = [&](auto draw) {
        Json drawn = Json::array();
        for (size_t i = 0; i < expected.size(); ++i) drawn.push_back(draw());
        return drawn;
      };
      if (name == "mt19937_words")
        EXPECT_EQ(times([&] { return stream.word(); }), expected);
      else if (name == "rand_float32")
        EXPECT_EQ(times([&] { return static_cast<double>(torch_rand(stream)); }), expected);
      else if (name == "rand_float64")
        EXPECT_EQ(times([&] { return torch_rand_float64(stream); }), expected);
      else if (name == "bernoulli_0.15 3x7, positions of ones")
        EXPECT_EQ(Json(bernoulli(stream, 3 * 7, .15f)), expected);
      else if (name == "bernoulli_0.15 8x128, positions of ones")
        EXPECT_EQ(Json(bernoulli(stream, 8 * 128, .15f)), expected);
      else if (name == "bernoulli_0.15 5x33, positions of ones")
        EXPECT_EQ(Json(bernoulli(stream, 5 * 33, .15f)), expected);
      else if (name.starts_with("randint "))
        EXPECT_EQ(times([&] { return torch_randint(stream, std::stoll(name.substr(8))); }), expected);
      else if (name == "random_ int64")
        EXPECT_EQ(times([&] { return stream.random_int64(); }), expected);
      else if (name.starts_with("randperm "))
        expect_numbers(stream.randperm(std::stoll(name.substr(9))), expected);
      else if (name == "dropout_0.1 4x40, positions of zeros")
        EXPECT_EQ(Json(dropout(stream, 4 * 40, .1, 0)), expected);
      else if (name.starts_with("one stream: ")) {
        EXPECT_EQ(Json(bernoulli(stream, 2 * 9, .5f)), expected[0]);
        for (int k = 0; k < 3; ++k) EXPECT_EQ(Json(torch_randint(stream, 30522)), expected[1][static_cast<size_t>(k)]);
        EXPECT_EQ(Json(stream.randperm(5)), expected[2]);
        EXPECT_EQ(Json(stream.random_int64()), expected[3]);
        EXPECT_EQ(Json(dropout(stream, 11, .5, 1)), expected[4]);
        for (size_t k = 0; k < 2; ++k) EXPECT_EQ(torch_rand(stream), expected[5][k].get<float>());
      } else if (name.starts_with("DataLoader(shuffle) of 37")) {
        EXPECT_EQ(Json(loader_epoch(stream, 37)), expected[0]);
        EXPECT_EQ(Json(loader_epoch(stream, 37)), expected[1]);
        for (size_t k = 0; k < 2; ++k) EXPECT_EQ(torch_rand(stream), expected[2][k].get<float>());
      } else {
        ADD_FAILURE() << "an entry that no test knows";
      }
    }
  }
}

TEST(NumpyPermutation, GivesWhatNumpyGives) {
  for (const auto& [seed, entries] : golden()) {
    SCOPED_TRACE(seed);
    for (const auto& [name, expected] : entries["numpy_default_rng"].items()) {
      SCOPED_TRACE(name);
      if (name.starts_with("permutation "))
        expect_numbers(numpy_permutation(seed, std::stoll(name.substr(12))), expected);
      else if (name == "train_test_split of 200, train 20, test 7") {
        const Numbers order = numpy_permutation(seed, 200);
        EXPECT_EQ(Numbers(order.begin(), order.begin() + 7), expected["test"].get<Numbers>());
        EXPECT_EQ(Numbers(order.begin() + 7, order.begin() + 27), expected["train"].get<Numbers>());
      } else {
        ADD_FAILURE() << "an entry that no test knows";
      }
    }
  }
}

TEST(NumpyLegacy, GivesWhatNumpyGives) {
  for (const auto& [seed, entries] : golden()) {
    SCOPED_TRACE(seed);
    const Json& legacy = entries["numpy_legacy (seed mod 2^32)"];
    ASSERT_EQ(legacy.size(), 2u);
    NumpyLegacy rand(seed);
    for (const Json& number : legacy["rand"]) EXPECT_EQ(rand.rand(), number.get<double>());
    NumpyLegacy binomial(seed);
    Numbers ones;
    for (int64_t i = 0; i < 64; ++i)
      if (binomial.binomial1(0.2) == 1) ones.push_back(i);
    const Json& expected = legacy["binomial(1, 0.2, 64) positions of ones, then rand x2"];
    EXPECT_EQ(Json(ones), expected[0]);
    for (size_t k = 0; k < 2; ++k) EXPECT_EQ(binomial.rand(), expected[1][k].get<double>());
  }
}

// From Python 3.11 itself: random.seed(s); random.shuffle(list(range(12))); random.getrandbits(32).
TEST(PythonRandom, ShufflesAsPythonDoes) {
  const struct {
    uint64_t seed;
    std::vector<int> order;
    uint32_t next;
  } cases[] = {{0, {1, 9, 8, 5, 10, 2, 3, 7, 4, 0, 11, 6}, 2167613558},
               {42, {7, 5, 2, 8, 9, 6, 11, 3, 4, 0, 1, 10}, 136505587},
               {4294967295, {0, 6, 1, 5, 8, 2, 7, 4, 11, 3, 9, 10}, 1762836277},
               {4294967338, {10, 0, 11, 3, 7, 8, 5, 4, 1, 2, 6, 9}, 1829169729},
               {9223372036854775813u, {4, 6, 3, 9, 11, 10, 8, 0, 1, 7, 2, 5}, 3689882702}};
  for (const auto& c : cases) {
    PythonRandom random(c.seed);
    std::vector<int> order(12);
    std::iota(order.begin(), order.end(), 0);
    random.shuffle(order);
    EXPECT_EQ(order, c.order) << c.seed;
    EXPECT_EQ(random.word(), c.next) << c.seed;
  }
  PythonRandom random(1);
  const PythonRandom::State before = random.state();
  std::vector<int> few{7};
  random.shuffle(few);  // nothing to draw
  few.clear();
  random.shuffle(few);
  EXPECT_EQ(random.state(), before);
}

// From numpy 2.4 itself: numpy.random.seed(s); binomial(1, p, 2000).sum() and the double drawn next.
TEST(NumpyLegacy, BinomialOfEveryChance) {
  struct Case {
    uint64_t seed;
    double p;
    int sum;
    double next;
  };
  for (const Case& c : std::initializer_list<Case>{
           {1, 0.0, 0, 0.5769778464775016},
           {1, 0.05, 99, 0.5769778464775016},
           {2, 0.2, 395, 0.6883531773265178},
           {3, 0.25, 471, 0.9333031625713755},
           {4, 0.5, 1015, 0.5991196778876893},
           {5, 0.51, 991, 0.7839603852815328},
           {6, 0.8, 1573, 0.19649411356910007},
           {7, 0.999999, 2000, 0.5989522818235765},
           {8, 1.0, 2000, 0.901550386680513},
           {9, 1e-09, 0, 0.4956593374709105},
       }) {
    SCOPED_TRACE(c.p);
    NumpyLegacy stream(c.seed);
    int sum = 0;
    for (int i = 0; i < 2000; ++i) sum += stream.binomial1(c.p);
    EXPECT_EQ(sum, c.sum);
    EXPECT_EQ(stream.rand(), c.next);
  }
}

TEST(Twister, BulkAndSkippedWordsEqualSingleOnes) {
  Twister single(5);
  std::vector<uint32_t> all(20000);
  for (uint32_t& word : all) word = single.word();
  Twister bulk(5), skipping(5);
  size_t at = 0;
  for (const size_t count : {0, 1, 622, 1, 624, 625, 3, 1247, 1248, 5000, 620, 4}) {
    std::vector<uint32_t> drawn(count);
    bulk.words(drawn);
    EXPECT_TRUE(std::equal(drawn.begin(), drawn.end(), all.begin() + static_cast<int64_t>(at))) << at;
    skipping.skip(count);
    at += count;
    EXPECT_EQ(Twister(skipping).word(), all[at]) << at;
    EXPECT_EQ(Twister(bulk).word(), all[at]) << at;
  }
}

TEST(TorchStream, DropoutComparesAsDoublesDo) {
  for (const double rate : {0.1, 0.5, 0.3, 1e-9, 0.999999999, 0x1p-53, 1 - 0x1p-53, 1.0 / 3}) {
    TorchStream stream(11), doubles(11);
    stream.word(), doubles.word();  // pairs that straddle a refill
    std::vector<uint8_t> kept(5001);
    stream.dropout_kept(kept, rate);
    for (const uint8_t k : kept) EXPECT_EQ(k == 1, torch_rand_float64(doubles) < 1 - rate);
    EXPECT_EQ(stream.word(), doubles.word());
  }
}

TEST(TorchStream, DropoutAtTheEndsOfItsRangeDrawsNothing) {
  TorchStream stream(3);
  std::vector<uint8_t> kept(10, 7);
  stream.dropout_kept(kept, 0);
  EXPECT_EQ(kept, std::vector<uint8_t>(10, 1));
  stream.dropout_kept(kept, 1);
  EXPECT_EQ(kept, std::vector<uint8_t>(10, 0));
  EXPECT_EQ(stream.word(), TorchStream(3).word());
}

TEST(TorchStream, SkippingDropoutEqualsDrawingIt) {
  TorchStream drawn(9), skipped(9);
  std::vector<uint8_t> kept(12345);
  drawn.dropout_kept(kept, 0.1);
  skipped.skip_dropout(12345);
  EXPECT_EQ(drawn.state(), skipped.state());
}

TEST(TorchStream, ContinuesFromASavedState) {
  TorchStream first(17);
  first.skip_words(1000);
  const TorchStream::State saved = first.state();
  std::vector<uint32_t> expected(2000), got(2000);
  first.words(expected);
  TorchStream second(0);
  second.set_state(saved);
  second.words(got);
  EXPECT_EQ(got, expected);
}

TEST(Streams, RefuseWhatHasNoMeaning) {
  EXPECT_THROW(TorchStream(0).randperm(-1), Error);
  EXPECT_THROW(numpy_permutation(0, -1), Error);
  EXPECT_THROW(NumpyLegacy(0).binomial1(1.5), Error);
  EXPECT_THROW(NumpyLegacy(0).binomial1(std::nan("")), Error);
  EXPECT_TRUE(numpy_permutation(0, 0).empty());
  EXPECT_TRUE(TorchStream(0).randperm(0).empty());
}

// The known answers of Philox4x32-10 that the authors publish with their code (kat_vectors).
TEST(Counter, IsPhilox) {
  EXPECT_EQ(random_words({0, 0}, {0, 0, 0, 0}), (RandomWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(random_words({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (RandomWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(random_words({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (RandomWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Counter, KeysOfNeighbouringSeedsAndNumbersDiffer) {
  std::set<uint64_t> seen;
  for (uint64_t seed = 0; seed < 100; ++seed)
    for (uint64_t number = 0; number < 100; ++number) {
      const RandomKey key = random_key(seed, number);
      seen.insert(uint64_t{key.k1} << 32 | key.k0);
    }
  EXPECT_EQ(seen.size(), 10000u);
}

TEST(Counter, UnitFloatsStayBelowOne) {
  EXPECT_EQ(to_unit_float(0), 0.0f);
  EXPECT_LT(to_unit_float(0xFFFFFFFF), 1.0f);
}

}  // namespace
}  // namespace tekio::test
