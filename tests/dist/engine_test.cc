// The engine over ranks in one process: sums equal a plain serial tree to the last bit, whatever the timing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "compute/bf16.h"
#include "dist/sum.h"
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

/// What the ranks are given, made once for all of them, and the sum of the first `givers`.
struct Job {
  Job(int size, size_t count, int first, Wire of_wire = Wire::f32, unsigned seed = 1) : givers(first), wire(of_wire) {
    for (int rank = 0; rank < size; ++rank) given.push_back(numbers_of(rank, count, seed));
    sum = sum_of({given.begin(), given.begin() + givers}, wire);
  }
  std::vector<float> numbers(const Communicator& ranks) const { return given[static_cast<size_t>(ranks.rank())]; }

  int givers;
  Wire wire;
  std::vector<std::vector<float>> given;
  std::vector<float> sum;
};

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

TEST(Engine, SumsAreTheTreesForEveryNumberOfRanks) {
  for (int size = 1; size <= 9; ++size) {
    std::vector<Job> jobs;
    for (const size_t count : {0, 1, 7, 1023, 1024, 1025, 5000, 40001}) jobs.emplace_back(size, count, size);
    run_ranks(size, [&](Communicator& ranks) {
      for (const Job& job : jobs) {
        std::vector<float> numbers = job.numbers(ranks);
        ranks.begin_sum(numbers, ranks.size());
        ranks.wait();
        EXPECT_TRUE(same_bits(numbers, job.sum))
            << numbers.size() << " numbers, rank " << ranks.rank() << " of " << size;
      }
    });
  }
}

TEST(Engine, EachKnowsHowManyShareItsMachine) {
  for (const auto& [size, on_each, here] : {std::tuple{5, 0, 5}, {6, 2, 2}, {4, 1, 1}})
    run_ranks(
        size,
        [&, neighbours = here](Communicator& ranks) {
          EXPECT_EQ(ranks.count().all, ranks.size());
          EXPECT_EQ(ranks.count().here, neighbours);
        },
        {}, on_each);
}

// Windows of 32 and 64 MiB a level.
TEST(Engine, SaysWhatPiecesOnTheirWayTakeAtMost) {
  constexpr int64_t kMiB = int64_t{1} << 20, kLarge = 500 * kMiB;
  EXPECT_EQ(exchange_bytes(kLarge, {1, 1}, Wire::bf16), 0);
  EXPECT_EQ(exchange_bytes(kLarge, {4, 4}, Wire::f32), 32 * kMiB);
  EXPECT_EQ(exchange_bytes(kLarge, {4, 4}, Wire::bf16), 64 * kMiB);
  EXPECT_EQ(exchange_bytes(kLarge, {4, 2}, Wire::f32), 64 * kMiB) << "two levels of sums";
  EXPECT_EQ(exchange_bytes(kLarge, {4, 1}, Wire::f32), 32 * kMiB);
  EXPECT_EQ(exchange_bytes(kLarge, {64, 1}, Wire::f32), 64 * kMiB);
  EXPECT_EQ(exchange_bytes(kMiB, {4, 1}, Wire::f32), kMiB);
  EXPECT_EQ(exchange_bytes(kMiB, {4, 1}, Wire::bf16), 2 * kMiB);
}

TEST(Engine, SumsOfMorePiecesThanFindRoomAtOnce) {
  constexpr size_t kCount = (size_t{80} << 20) / sizeof(float) + 333;  // each window fills
  const std::vector<std::pair<int, int>> layouts = {{2, 0}, {3, 0}, {4, 2}};
  for (const auto& layout : layouts)
    run_ranks(
        layout.first,
        [](Communicator& ranks) {
          const auto rank = static_cast<size_t>(ranks.rank()), size = static_cast<size_t>(ranks.size());
          std::vector<float> numbers(kCount);
          for (size_t i = 0; i < kCount; ++i) numbers[i] = static_cast<float>(i % 1000 * (rank + 1));
          ranks.begin_sum(numbers, ranks.size());
          ranks.wait();
          for (size_t i = 0; i < kCount; ++i)
            if (numbers[i] != static_cast<float>(i % 1000 * (size * (size + 1) / 2))) FAIL() << "element " << i;
        },
        {}, layout.second);
}

TEST(Engine, OnlyGiversAreAdded) {
  for (const int size : {2, 3, 5, 8}) {
    std::vector<Job> jobs;
    for (int givers = 1; givers <= size; ++givers)
      for (const Wire wire : {Wire::f32, Wire::bf16}) jobs.emplace_back(size, 9001, givers, wire);
    run_ranks(size, [&](Communicator& ranks) {
      for (const Job& job : jobs) {
        std::vector<float> numbers = job.numbers(ranks);
        if (ranks.rank() >= job.givers) std::ranges::fill(numbers, NAN);
        ranks.begin_sum(numbers, job.givers, job.wire);
        ranks.wait();
        EXPECT_TRUE(same_bits(numbers, job.sum)) << job.givers << " of " << size;
      }
    });
  }
}

TEST(Engine, Bf16RoundsWhatIsGivenAndTheSumOnce) {
  for (int size = 2; size <= 9; ++size) {
    std::vector<Job> jobs;
    for (const size_t count : {1, 1025, 70001}) jobs.emplace_back(size, count, size, Wire::bf16);
    run_ranks(size, [&](Communicator& ranks) {
      for (const Job& job : jobs) {
        std::vector<float> numbers = job.numbers(ranks);
        ranks.begin_sum(numbers, size, Wire::bf16);
        ranks.wait();
        EXPECT_TRUE(same_bits(numbers, job.sum)) << numbers.size() << " numbers of " << size;
      }
    });
  }
}

/// Parts of odd sizes, several of some ranks and none of others.
Parts uneven_parts(size_t count, int ranks) {
  Parts parts;
  std::mt19937 random(static_cast<unsigned>(count) + static_cast<unsigned>(ranks));
  for (size_t end = 0; end < count;) {
    end = std::min(count, end + 1 + random() % (count / 4 + 1));
    parts.push_back({end, static_cast<int>(random() % static_cast<unsigned>(ranks))});
  }
  return parts;
}

/// Leaves only what is a rank's.
void forget_others(std::vector<float>& numbers, const Parts& parts, int rank) {
  size_t begin = 0;
  for (const Part& part : parts) {
    if (part.rank != rank)
      std::fill(numbers.begin() + static_cast<std::ptrdiff_t>(begin),
                numbers.begin() + static_cast<std::ptrdiff_t>(part.end), NAN);
    begin = part.end;
  }
}

TEST(Engine, SharesOfASumAreTheWholeSums) {
  for (int size = 2; size <= 9; ++size) {
    std::vector<Job> jobs;
    for (const Wire wire : {Wire::f32, Wire::bf16})
      for (const size_t count : {1, 1500, 30000}) jobs.emplace_back(size, count, size, wire);
    run_ranks(size, [&](Communicator& ranks) {
      for (const Job& job : jobs)
        for (const Parts& parts : {even_parts(job.sum.size(), size), uneven_parts(job.sum.size(), size)}) {
          std::vector<float> numbers = job.numbers(ranks), own = job.sum;
          ranks.begin_shared_sum(numbers, parts, size, job.wire);
          ranks.wait();
          forget_others(numbers, parts, ranks.rank());
          forget_others(own, parts, ranks.rank());
          EXPECT_TRUE(same_bits(numbers, own));
          ranks.begin_exchange_of_shares(numbers, parts);
          ranks.wait();
          EXPECT_TRUE(same_bits(numbers, job.sum));
        }
    });
  }
}

TEST(Engine, ASumInSharesMovesHalfTheBytes) {
  constexpr int kSize = 4;
  const auto bytes = [](const std::function<void(Communicator&, std::vector<float>&)>& sum) {
    Switchboard board(kSize);
    errors_of_ranks(board, [&](Communicator& ranks) {
      std::vector<float> numbers(400'000, 1);
      sum(ranks, numbers);
      ranks.wait();
    });
    return static_cast<double>(board.bytes_sent());
  };
  const double whole = bytes([](Communicator& ranks, std::vector<float>& numbers) { ranks.begin_sum(numbers, kSize); });
  EXPECT_NEAR(whole, 2 * (kSize - 1) * 1.6e6, 50'000);
  EXPECT_NEAR(bytes([](Communicator& ranks, std::vector<float>& numbers) {
                ranks.begin_shared_sum(numbers, uneven_parts(numbers.size(), kSize), kSize);
              }),
              whole / 2, 50'000);
}

TEST(Engine, PartsThatDoNotCoverAllAreABug) {
  run_ranks(2, [](Communicator& ranks) {
    std::vector<float> numbers(10);
    for (const Parts& parts : {Parts{{9, 0}}, Parts{{11, 1}}, Parts{{10, 2}}, Parts{{6, 0}, {5, 1}, {10, 0}}, Parts{}})
      EXPECT_THROW(ranks.begin_shared_sum(numbers, parts, 2), Error);
  });
}

TEST(Engine, GroupsOfAMachinesRanksAddTheirsFirstAndGiveTheSameBits) {
  const std::vector<std::pair<int, int>> layouts = {{4, 2}, {8, 4}, {6, 2}, {16, 4}, {12, 6}, {9, 3}};
  for (const auto& layout : layouts) {
    const int size = layout.first;
    std::vector<Job> jobs;
    for (const Wire wire : {Wire::f32, Wire::bf16})
      for (const int givers : {1, 3, size - 1, size})
        for (const size_t count : {1, 20001}) jobs.emplace_back(size, count, givers, wire);
    run_ranks(
        size,
        [&](Communicator& ranks) {
          std::vector<std::vector<float>> all, shared;
          for (const Job& job : jobs) {
            all.push_back(job.numbers(ranks));
            if (ranks.rank() >= job.givers) std::ranges::fill(all.back(), NAN);
            shared.push_back(all.back());
          }
          for (size_t i = 0; i < jobs.size(); ++i) {
            ranks.begin_sum(all[i], jobs[i].givers, jobs[i].wire);
            ranks.begin_shared_sum(shared[i], uneven_parts(shared[i].size(), size), jobs[i].givers, jobs[i].wire);
          }
          ranks.wait();
          for (std::vector<float>& numbers : shared)
            ranks.begin_exchange_of_shares(numbers, uneven_parts(numbers.size(), size));
          ranks.wait();
          for (size_t i = 0; i < jobs.size(); ++i) {
            EXPECT_TRUE(same_bits(all[i], jobs[i].sum)) << "sum " << i << " of " << size << " by " << layout.second;
            EXPECT_TRUE(same_bits(shared[i], jobs[i].sum))
                << "shares " << i << " of " << size << " by " << layout.second;
          }
        },
        {}, layout.second);
  }
}

TEST(Engine, GroupsAreAlignedPowersOfTwoOnOneMachine) {
  const auto machines = [](int size, int each) {
    std::vector<std::string> names;
    for (int rank = 0; rank < size; ++rank) names.push_back(std::to_string(rank / each));
    return names;
  };
  EXPECT_EQ(group_of_ranks(machines(1, 1)), 1);
  EXPECT_EQ(group_of_ranks(machines(8, 8)), 1) << "all on one machine";
  EXPECT_EQ(group_of_ranks(machines(8, 1)), 1);
  EXPECT_EQ(group_of_ranks(machines(8, 4)), 4);
  EXPECT_EQ(group_of_ranks(machines(12, 6)), 2);
  EXPECT_EQ(group_of_ranks(machines(9, 3)), 1);
  EXPECT_EQ(group_of_ranks(machines(12, 8)), 4);
  EXPECT_EQ(group_of_ranks(machines(1024, 1)), 32);
  EXPECT_EQ(group_of_ranks(machines(100, 1)), 4) << "the largest that divides it and is no more than its root";
  EXPECT_EQ(group_of_ranks({"a", "b", "a", "b"}), 1) << "dealt in turn";
}

TEST(Engine, OneRankHasItsSumAndItsShare) {
  run_ranks(1, [](Communicator& ranks) {
    std::vector<float> numbers = {1, 2.5F, 3};
    ranks.begin_sum(numbers, 1);
    ranks.begin_shared_sum(numbers, even_parts(3, 1), 1, Wire::bf16);
    ranks.begin_exchange_of_shares(numbers, even_parts(3, 1));
    ranks.wait();
    EXPECT_EQ(numbers, (std::vector<float>{1, 2.5F, 3}));
  });
}

TEST(Engine, ManySumsAreUnderWayAtOnceWithRecordsBetween) {
  constexpr int kSize = 5;
  std::vector<Job> jobs;
  for (unsigned i = 0; i < 12; ++i)
    jobs.emplace_back(kSize, 1 + i * i * 700, 1 + static_cast<int>(i) % kSize, i % 2 == 0 ? Wire::f32 : Wire::bf16, i);
  Switchboard board(kSize);
  board.delay_randomly(3000);
  const auto errors = errors_of_ranks(board, [&](Communicator& ranks) {
    std::mt19937 random(static_cast<unsigned>(ranks.rank()));
    for (int round = 0; round < 10; ++round) {
      std::vector<std::vector<float>> all;
      for (const Job& job : jobs) all.push_back(job.numbers(ranks));
      for (size_t i = 0; i < jobs.size(); ++i) {
        if (random() % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
        ranks.begin_sum(all[i], jobs[i].givers, jobs[i].wire);
        if (i == 5) {
          EXPECT_EQ(ranks.broadcast(ranks.rank() == 0 ? "at five" : "not looked at"), "at five");
        }
      }
      ranks.wait();
      for (size_t i = 0; i < jobs.size(); ++i) EXPECT_TRUE(same_bits(all[i], jobs[i].sum)) << "sum " << i;
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
      for (const size_t unit : {0, 1, 1000, 1500000}) {
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
