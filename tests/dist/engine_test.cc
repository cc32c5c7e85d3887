// The engine over ranks in one process: sums equal a plain serial tree to the last bit, whatever the timing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "compute/bf16.h"
#include "support/local_ranks.h"

namespace tekio::test {
namespace {

std::vector<float> numbers_of(int rank, size_t count, unsigned seed = 1) {
  std::mt19937 random(seed * 1000 + static_cast<unsigned>(rank));
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float& number : numbers) number = normal(random) * std::ldexp(1.0F, static_cast<int>(random() % 20));
  return numbers;
}

// The tree's formula by recursion, one element at a time.
float tree(const std::vector<float>& leaves, size_t begin, size_t width) {
  if (width == 1) return leaves[begin];
  const size_t half = width / 2;
  const float left = tree(leaves, begin, half);
  return begin + half < leaves.size() ? left + tree(leaves, begin + half, half) : left;
}

std::vector<float> sum_of(const std::vector<std::vector<float>>& parts, Wire wire) {
  size_t width = 1;
  while (width < parts.size()) width *= 2;
  std::vector<float> sum(parts[0].size());
  for (size_t i = 0; i < sum.size(); ++i) {
    std::vector<float> leaves;
    for (const std::vector<float>& part : parts) leaves.push_back(wire == Wire::bf16 ? bf16(part[i]) : part[i]);
    sum[i] = tree(leaves, 0, width);
    if (wire == Wire::bf16) sum[i] = bf16(sum[i]);
  }
  return sum;
}

std::vector<float> expected_sum(int givers, size_t count, Wire wire = Wire::f32, unsigned seed = 1) {
  std::vector<std::vector<float>> parts;
  for (int rank = 0; rank < givers; ++rank) parts.push_back(numbers_of(rank, count, seed));
  return sum_of(parts, wire);
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

TEST(Engine, SumsAreTheTreesForEveryNumberOfRanks) {
  for (int size = 1; size <= 9; ++size)
    run_ranks(size, [](Communicator& ranks) {
      for (const size_t count : {0, 1, 7, 1023, 1024, 1025, 5000, 100001}) {
        std::vector<float> numbers = numbers_of(ranks.rank(), count);
        ranks.begin_sum(numbers, ranks.size());
        ranks.wait();
        EXPECT_TRUE(same_bits(numbers, expected_sum(ranks.size(), count)))
            << count << " numbers, rank " << ranks.rank() << " of " << ranks.size();
      }
    });
}

TEST(Engine, SumsOfMorePiecesThanFindRoomAtOnce) {
  for (const int size : {2, 3})
    run_ranks(size, [](Communicator& ranks) {
      constexpr size_t kCount = (size_t{40} << 20) / 4 * 2 + 333;  // of 80 MiB: each window fills
      std::vector<float> numbers(kCount);
      for (size_t i = 0; i < kCount; ++i)
        numbers[i] = static_cast<float>(i % 1000 * (static_cast<size_t>(ranks.rank()) + 1));
      ranks.begin_sum(numbers, ranks.size());
      ranks.wait();
      const int factor = ranks.size() * (ranks.size() + 1) / 2;
      for (size_t i = 0; i < kCount; ++i)
        if (numbers[i] != static_cast<float>(i % 1000 * static_cast<size_t>(factor))) FAIL() << "element " << i;
    });
}

TEST(Engine, OnlyGiversAreAdded) {
  for (const int size : {2, 3, 5, 8})
    run_ranks(size, [](Communicator& ranks) {
      for (int givers = 1; givers <= ranks.size(); ++givers)
        for (const Wire wire : {Wire::f32, Wire::bf16}) {
          std::vector<float> numbers = numbers_of(ranks.rank(), 9001);
          if (ranks.rank() >= givers) std::ranges::fill(numbers, NAN);
          ranks.begin_sum(numbers, givers, wire);
          ranks.wait();
          EXPECT_TRUE(same_bits(numbers, expected_sum(givers, 9001, wire))) << givers << " of " << ranks.size();
        }
    });
}

TEST(Engine, Bf16RoundsWhatIsGivenAndTheSumOnce) {
  for (int size = 2; size <= 9; ++size)
    run_ranks(size, [](Communicator& ranks) {
      for (const size_t count : {1, 1025, 70001}) {
        std::vector<float> numbers = numbers_of(ranks.rank(), count);
        ranks.begin_sum(numbers, ranks.size(), Wire::bf16);
        ranks.wait();
        EXPECT_TRUE(same_bits(numbers, expected_sum(ranks.size(), count, Wire::bf16)));
      }
    });
}

TEST(Engine, SharesOfASumAreTheWholeSums) {
  for (int size = 1; size <= 9; ++size)
    run_ranks(size, [](Communicator& ranks) {
      for (const Wire wire : {Wire::f32, Wire::bf16})
        for (const size_t count : {1, 1500, 30000}) {
          std::vector<float> numbers = numbers_of(ranks.rank(), count);
          const std::vector<float> expected = ranks.size() == 1 ? numbers : expected_sum(ranks.size(), count, wire);
          ranks.begin_shared_sum(numbers, ranks.size(), wire);
          ranks.wait();
          const Share own = share_of(count, ranks.rank(), ranks.size());
          EXPECT_TRUE(same_bits(std::span(numbers).subspan(own.begin, own.end - own.begin),
                                std::span(expected).subspan(own.begin, own.end - own.begin)));
          for (size_t i = 0; i < count; ++i)
            if (i < own.begin || i >= own.end) numbers[i] = NAN;
          ranks.begin_exchange_of_shares(numbers);
          ranks.wait();
          EXPECT_TRUE(same_bits(numbers, expected));
        }
    });
}

TEST(Engine, ManySumsAreUnderWayAtOnceWithRecordsBetween) {
  Switchboard board(5);
  board.delay_randomly(3000);
  const auto errors = errors_of_ranks(board, [](Communicator& ranks) {
    std::mt19937 random(static_cast<unsigned>(ranks.rank()));
    for (int round = 0; round < 10; ++round) {
      std::vector<std::vector<float>> all;
      std::vector<std::vector<float>> expected;
      for (unsigned i = 0; i < 12; ++i) {
        const size_t count = 1 + i * i * 700;
        const int givers = 1 + static_cast<int>(i) % ranks.size();
        all.push_back(numbers_of(ranks.rank(), count, i));
        expected.push_back(expected_sum(givers, count, i % 2 == 0 ? Wire::f32 : Wire::bf16, i));
      }
      for (unsigned i = 0; i < 12; ++i) {
        if (random() % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
        ranks.begin_sum(all[i], 1 + static_cast<int>(i) % ranks.size(), i % 2 == 0 ? Wire::f32 : Wire::bf16);
        if (i == 5) {
          EXPECT_EQ(ranks.broadcast(ranks.rank() == 0 ? "at five" : "not looked at"), "at five");
        }
      }
      ranks.wait();
      for (unsigned i = 0; i < 12; ++i) EXPECT_TRUE(same_bits(all[i], expected[i])) << "sum " << i;
    }
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST(Engine, RecordsOfAnySizeComeInTheOrderOfTheRanks) {
  for (int size = 1; size <= 9; ++size)
    run_ranks(size, [](Communicator& ranks) {
      const auto record = [](int rank, size_t unit) {
        return std::string(static_cast<size_t>(rank % 4) * unit, static_cast<char>('a' + rank));
      };
      for (const size_t unit : {0, 1, 1000, 3000000}) {
        const std::vector<std::string> got = ranks.gather(record(ranks.rank(), unit));
        ASSERT_EQ(got.size(), static_cast<size_t>(ranks.size()));
        for (int rank = 0; rank < ranks.size(); ++rank) EXPECT_EQ(got[static_cast<size_t>(rank)], record(rank, unit));
      }
      const std::string whole(5000001, 'x');
      EXPECT_EQ(ranks.broadcast(ranks.rank() == 0 ? whole : ""), whole);
      EXPECT_EQ(ranks.broadcast(""), "");
    });
}

TEST(Engine, ProcessorsAreSharedByTheRanksThatMayUseThem) {
  run_ranks(1, [](Communicator& ranks) { EXPECT_EQ(ranks.processors(), alone()->processors()); });
  run_ranks(3, [](Communicator& ranks) { EXPECT_EQ(ranks.processors(), std::max(1, alone()->processors() / 3)); });
}

}  // namespace
}  // namespace tekio::test
