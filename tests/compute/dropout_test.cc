// Dropout: the random words, their use, and that vector code, plain code and explicit decisions drop the same elements.
#include "compute/dropout.h"

#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "compute/backend.h"
#include "compute/instruction_sets.h"

namespace tekio::test {
namespace {

// Random123's known answers for philox4x32-10.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(random_words({0, 0}, {0, 0, 0, 0}), (RandomWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(random_words({~0u, ~0u}, {~0u, ~0u, ~0u, ~0u}),
            (RandomWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(random_words({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (RandomWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Dropout, KeepsTheShareAndScalesIt) {
  for (const float rate : {0.1f, 0.5f, 0.9f}) {
    const Dropout drop{.rate = rate, .seed = 1, .step = 2, .site = 3};
    int kept = 0;
    for (uint32_t block = 0; block < 20000; ++block)
      kept += __builtin_popcount(kept_bits(drop, {0, 0, block / 100}, block % 100));
    EXPECT_NEAR(kept / 160000.0, 1 - rate, 0.005);
    EXPECT_FLOAT_EQ(drop.scale() * (1 - rate), 1);
  }
}

// Every part of the counter matters: another seed, step, site, sequence, head, position or block draws anew.
TEST(Dropout, EveryCoordinateMatters) {
  const Dropout drop{.rate = 0.5f, .seed = 1, .step = 2, .site = 3};
  const auto bits = [](const Dropout& d, DropoutRow row, uint32_t first) {
    uint64_t all = 0;
    for (uint32_t block = 0; block < 8; ++block) all = all << 8 | kept_bits(d, row, first + block);
    return all;
  };
  Dropout seed = drop, step = drop, site = drop;
  seed.seed = 2, step.step = 3, site.site = 4;
  const std::vector<uint64_t> all = {bits(drop, {4, 5, 6}, 0), bits(seed, {4, 5, 6}, 0), bits(step, {4, 5, 6}, 0),
                                     bits(site, {4, 5, 6}, 0), bits(drop, {5, 5, 6}, 0), bits(drop, {4, 6, 6}, 0),
                                     bits(drop, {4, 5, 7}, 0), bits(drop, {4, 5, 6}, 8)};
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t j = 0; j < i; ++j) EXPECT_NE(all[i], all[j]) << i << " " << j;
}

// A norm of rows [1, -1, 1, -1, …] with weight 0 and bias 1 gives out dropout's factors themselves.
// So does a rate that rounds to none of 65,536, or to all of them.
TEST(Dropout, TheCounterAndTheSameDecisionsGivenAgree) {
  for (const float rate : {0.3f, 1e-7f, 0.9999999f})
    with_each_instruction_set([rate] {
      ThreadPool pool(2);
      const int64_t n = 40, width = 333;
      const std::vector<int32_t> offsets = {0, 11, 40};
      const Sequences s{offsets, 9};
      Dropout drop{.rate = rate, .seed = 5, .step = 6, .site = 7};
      std::vector<uint8_t> decisions;
      for (int64_t token = 0; token < n; ++token) {
        const bool second = token >= 11;
        const DropoutRow row{second ? 10u : 9u, 0, static_cast<uint32_t>(second ? token - 11 : token)};
        for (int64_t c = 0; c < width; ++c)
          decisions.push_back(kept_bits(drop, row, static_cast<uint32_t>(c / 8)) >> (c % 8) & 1);
      }
      std::vector<float> x(n * width), weight(width, 0.0f), bias(width, 1.0f), normalized(x.size()), rstd(n);
      for (size_t i = 0; i < x.size(); ++i) x[i] = i % 2 == 0 ? 1.0f : -1.0f;
      const auto tensor = [&](std::vector<float>& v, std::initializer_list<int64_t> shape) {
        return Tensor(v.data(), DType::f32, shape);
      };
      for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
        for (const uint8_t* kept :
             {static_cast<const uint8_t*>(nullptr), static_cast<const uint8_t*>(decisions.data())}) {
          std::vector<float> y(x.size());
          drop.kept = kept;
          be->norm(tensor(y, {n, width}), {tensor(normalized, {n, width}), tensor(rstd, {n})}, tensor(x, {n, width}),
                   {tensor(weight, {width}), tensor(bias, {width}), 1e-5f}, s, drop);
          for (size_t i = 0; i < y.size(); ++i)
            ASSERT_EQ(y[i], decisions[i] != 0 ? drop.scale() : 0.0f) << be->name() << " " << i;
        }
      }
    });
}

// An update cut into two micro-batches drops the same elements: the second one's first_key goes on counting.
TEST(Dropout, CuttingAnUpdateElsewhereChangesNothing) {
  ThreadPool pool(2);
  const auto be = make_cpu_backend(pool);
  const int64_t length = 20, width = 16, heads = 2;
  std::vector<float> qkv(2 * length * 3 * width), whole(2 * length * width), parts(whole.size()),
      kept(2 * length * heads * 2);
  for (size_t i = 0; i < qkv.size(); ++i) qkv[i] = std::sin(static_cast<float>(i) * 0.37f);
  const std::vector<int32_t> both = {0, 20, 40}, one = {0, 20};
  const Dropout drop{.rate = 0.4f, .seed = 5, .step = 6, .site = 7};
  const auto tensor = [](float* data, std::initializer_list<int64_t> shape) { return Tensor(data, DType::f32, shape); };
  be->attention(tensor(whole.data(), {40, width}), tensor(kept.data(), {40, heads, 2}),
                tensor(qkv.data(), {40, 3 * width}), {heads}, {both, 3}, drop);
  for (uint64_t k = 0; k < 2; ++k)
    be->attention(tensor(parts.data() + k * 20 * width, {20, width}), tensor(kept.data(), {20, heads, 2}),
                  tensor(qkv.data() + k * 20 * 3 * width, {20, 3 * width}), {heads}, {one, 3 + k}, drop);
  EXPECT_EQ(whole, parts);
}

}  // namespace
}  // namespace tekio::test
