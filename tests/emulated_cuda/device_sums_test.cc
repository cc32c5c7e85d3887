// Sums between GPUs, each of which is emulated in this process, by an emulated NCCL: the bits of sums by way of the
// processors, and the same ends where a rank is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/stopwatch.h"
#include "compute/arena.h"
#include "compute/cuda.h"
#include "cuda_runtime.h"
#include "dist/rank_sums.h"
#include "emulated_nccl.h"
#include "support/local_ranks.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr size_t kMemory = size_t{80} << 30;
const Limits kShort{.silence_seconds = 1, .start_seconds = 10};

/// As many GPUs as ranks, and an NCCL that works, unless a test has it otherwise.
class CudaSums : public testing::Test {
 protected:
  void SetUp() override { gpus(8); }
  void TearDown() override {
    gpus(1);
    emulated_nccl_missing("");
    emulated_nccl_fail(-1, 0, nccl::Result::success);
  }
  static void gpus(int count) { emulated_device(count, 9, kMemory); }
};

/// One rank's GPU, and numbers on it.
class OnGpu {
 public:
  explicit OnGpu(Communicator& ranks)
      : backend_(make_cuda_backend(ranks.number_here() % cuda_devices())),
        sums_(make_rank_sums(ranks, backend_->memory())) {}
  RankSums& sums() { return *sums_; }
  Memory& memory() { return backend_->memory(); }
  std::span<float> put(const std::vector<float>& numbers) {
    const auto count = static_cast<int64_t>(numbers.size());
    Arena& arena = arenas_.emplace_back(Arena::size_of_tensor(DType::f32, {count}), "a test", backend_->memory());
    const Tensor tensor = arena.take(DType::f32, {count});
    if (count > 0) memory().write(tensor.data, numbers.data(), tensor.bytes());
    return tensor.values();
  }
  void add(std::span<float> to, std::span<float> numbers) {
    const auto tensor = [](std::span<float> of) {
      return Tensor(of.data(), DType::f32, {static_cast<int64_t>(of.size())});
    };
    backend_->add(tensor(to), tensor(numbers));
  }
  std::vector<float> get(std::span<const float> numbers) {
    std::vector<float> all(numbers.size());
    if (!all.empty()) memory().read(all.data(), numbers.data(), static_cast<int64_t>(numbers.size_bytes()));
    return all;
  }

 private:
  std::unique_ptr<Backend> backend_;
  std::deque<Arena> arenas_;
  std::unique_ptr<RankSums> sums_;  // ends first
};

/// Of all sizes, denormal ones among them.
std::vector<float> numbers_of(int rank, size_t count, unsigned seed) {
  std::mt19937 random(seed * 1000 + static_cast<unsigned>(rank));
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float& number : numbers) {
    const int kind = static_cast<int>(random() % 4);
    number = normal(random) * (kind == 0 ? 1e-38F : kind == 1 ? 1e-40F : std::ldexp(1.0F, kind == 2 ? 0 : 20));
  }
  return numbers;
}

Parts uneven_parts(size_t count, int ranks) {
  Parts parts;
  const auto end = [&](size_t hundredths) { return count * hundredths / 100; };
  parts.push_back({end(1), ranks - 1});
  parts.push_back({end(1), 0});  // empty
  parts.push_back({end(60), 0});
  parts.push_back({end(61), ranks - 1});
  parts.push_back({count, ranks / 2});
  return parts;
}

void expect_same_bits(const std::vector<float>& got, const std::vector<float>& expected, const std::string& what) {
  ASSERT_EQ(got.size(), expected.size());
  EXPECT_TRUE(got.empty() || std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)) == 0) << what;
}

/// Every kind of sum, on GPUs and by the communicator.
void compare_sums(OnGpu& gpu, Communicator& ranks, size_t count, int givers, Wire wire) {
  const unsigned seed = static_cast<unsigned>(count) + static_cast<unsigned>(givers);
  const std::vector<float> given = numbers_of(ranks.rank(), count, seed);
  const Parts parts = uneven_parts(count, ranks.size());
  std::vector<float> whole = given, shared = given;
  const std::span<float> gpu_whole = gpu.put(given), gpu_shared = gpu.put(given);
  gpu.sums().begin_sum(gpu_whole, givers, wire);
  gpu.sums().begin_shared_sum(gpu_shared, parts, givers, wire);
  ranks.begin_sum(whole, givers, wire);
  ranks.begin_shared_sum(shared, parts, givers, wire);
  ranks.wait();
  gpu.sums().wait();
  const std::string what =
      fmt::format("{} numbers of {} of {} ranks{}", count, givers, ranks.size(), wire == Wire::bf16 ? ", bf16" : "");
  expect_same_bits(gpu.get(gpu_whole), whole, what);
  ranks.begin_exchange_of_shares(shared, parts);
  gpu.sums().begin_exchange_of_shares(gpu_shared, parts);
  ranks.wait();
  gpu.sums().wait();
  expect_same_bits(gpu.get(gpu_shared), shared, "shares: " + what);
}

TEST_F(CudaSums, HaveTheBitsOfThoseByWayOfTheProcessors) {
  for (int size = 1; size <= 5; ++size) {
    const EmulatedTraffic before = emulated_nccl_traffic();
    run_ranks(size, [&](Communicator& ranks) {
      OnGpu gpu(ranks);
      for (const Wire wire : {Wire::f32, Wire::bf16})
        for (const auto& [count, givers] : {std::pair{0, size}, {1, size}, {2500, size}, {2500, size - 1}, {999, 1}})
          if (givers > 0) compare_sums(gpu, ranks, static_cast<size_t>(count), givers, wire);
    });
    EXPECT_EQ(emulated_nccl_traffic().numbers > before.numbers, size > 1);
  }
}

TEST_F(CudaSums, AreManyAtOnce) {
  run_ranks(3, [](Communicator& ranks) {
    OnGpu gpu(ranks);
    const std::vector<float> given = numbers_of(ranks.rank(), 3000, 5);
    std::vector<std::vector<float>> expected(4, given);
    std::vector<std::span<float>> numbers;
    for (std::vector<float>& one : expected) {
      numbers.push_back(gpu.put(one));
      gpu.sums().begin_sum(numbers.back(), 3, Wire::bf16);
      ranks.begin_sum(one, 3, Wire::bf16);
      if (ranks.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ranks.wait();
    gpu.sums().wait();
    for (size_t i = 0; i < expected.size(); ++i) expect_same_bits(gpu.get(numbers[i]), expected[i], "a sum");
  });
}

// What is asked for between two exchanges is begun before the second, and no graph is made of it: a step has many such.
TEST_F(CudaSums, AreOfWhatTheBackEndWasAskedForBefore) {
  for (const char* const missing : {"", "libnccl.so.2 cannot be loaded"}) {
    emulated_nccl_missing(missing);
    const LogCapture log;
    const int graphs = emulated_graph_launches();
    run_ranks(2, [](Communicator& ranks) {
      OnGpu gpu(ranks);
      const std::vector<float> ones(100, 1);
      const std::span<float> numbers = gpu.put(ones), one = gpu.put(ones);
      float expected = 1;
      for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 10; ++i) gpu.add(numbers, one);
        gpu.sums().begin_sum(numbers, 2);
        gpu.sums().wait();
        expected = 2 * (expected + 10);
      }
      EXPECT_EQ(gpu.get(numbers), std::vector<float>(100, expected));
    });
    EXPECT_EQ(emulated_graph_launches(), graphs);
  }
}

// ---- where NCCL does not bring them together ----

/// Sums are right, and all ranks say why they go by way of the processors.
std::string sums_without(int size, const std::function<std::string(int)>& device = {}) {
  const LogCapture log;
  const EmulatedTraffic before = emulated_nccl_traffic();
  const auto body = [&](Communicator& ranks) {
    if (device && device(ranks.rank()) == "cpu") {
      const auto sums = make_rank_sums(ranks, host_memory());
      std::vector<float> numbers(100, 1);
      sums->begin_sum(numbers, size);
      sums->wait();
      EXPECT_EQ(numbers[99], static_cast<float>(size));
      return;
    }
    OnGpu gpu(ranks);
    const std::span<float> numbers = gpu.put(std::vector<float>(100, 1));
    gpu.sums().begin_sum(numbers, size);
    gpu.sums().wait();
    EXPECT_EQ(gpu.get(numbers), std::vector<float>(100, static_cast<float>(size)));
  };
  run_ranks(size, body, kShort);
  EXPECT_LE(emulated_nccl_traffic().numbers - before.numbers, 3u * 3 * 3) << "a first sum at most";
  return log.text();
}

TEST_F(CudaSums, WithoutNcclGoByWayOfTheProcessors) {
  emulated_nccl_missing("libnccl.so.2 cannot be loaded");
  EXPECT_THAT(sums_without(2), HasSubstr("warning: gradients go from GPU to GPU by way of the processors: rank 0: "
                                         "libnccl.so.2 cannot be loaded"));
}

TEST_F(CudaSums, OfRanksThatShareAGpuGoByWayOfTheProcessors) {
  gpus(2);
  EXPECT_THAT(sums_without(3), HasSubstr("by way of the processors: ranks 0 and 2 have one GPU together"));
}

TEST_F(CudaSums, OfRanksWithoutAGpuGoByWayOfTheProcessors) {
  EXPECT_THAT(sums_without(3, [](int rank) { return rank == 1 ? "cpu" : "cuda"; }),
              HasSubstr("by way of the processors: rank 1 computes on no GPU"));
}

TEST_F(CudaSums, WhereNcclDoesNotBeginGoByWayOfTheProcessors) {
  emulated_nccl_fail(1, 0, nccl::Result::unhandled_cuda_error);
  const Stopwatch watch;
  EXPECT_THAT(sums_without(3), HasSubstr("by way of the processors: NCCL failed on rank 1: unhandled cuda error"));
  EXPECT_LT(watch.seconds(), 30);
}

// ---- where a rank is missing ----

void work_for_ever(Communicator& ranks) {
  OnGpu gpu(ranks);
  const std::span<float> numbers = gpu.put(std::vector<float>(3000, 1));
  for (;;) {
    gpu.sums().begin_sum(numbers, ranks.size());
    gpu.sums().wait();
  }
}

TEST_F(CudaSums, ARankThatStandsStillIsNamedByAllOthers) {
  for (const int size : {2, 4}) {
    Switchboard board(size);
    std::vector<std::string> errors;
    const Stopwatch watch;
    std::thread fault([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      board.cut_off(1);
    });
    errors = errors_of_ranks(
        board,
        [](Communicator& ranks) {
          OnGpu gpu(ranks);
          const std::span<float> numbers = gpu.put(std::vector<float>(3000, 1));
          for (int round = 0;; ++round) {
            if (ranks.rank() == 1 && round == 5) std::this_thread::sleep_for(std::chrono::seconds(3));
            gpu.sums().begin_sum(numbers, ranks.size());
            gpu.sums().wait();
          }
        },
        kShort);
    fault.join();
    for (int rank = 0; rank < size; ++rank)
      if (rank != 1) {
        EXPECT_THAT(errors[static_cast<size_t>(rank)],
                    AllOf(HasSubstr("rank 1 ("), HasSubstr("was not heard of for 1 s")));
      }
    EXPECT_LT(watch.seconds(), 8);
  }
}

// Whoever gives memory of a GPU back waits for all that it does, and asks nobody meanwhile whether the others live.
TEST_F(CudaSums, ARankHeldUpByItsGpuIsLetGoWhereAnotherIsMissing) {
  Switchboard board(2);
  const Stopwatch watch;
  double held_up = 0;
  const auto errors = errors_of_ranks(
      board,
      [&](Communicator& ranks) {
        OnGpu gpu(ranks);
        const std::span<float> numbers = gpu.put(std::vector<float>(3000, 1));
        gpu.sums().begin_sum(numbers, 2);
        gpu.sums().wait();
        if (ranks.rank() == 1) {
          board.cut_off(1);
          return std::this_thread::sleep_for(std::chrono::seconds(3));
        }
        void* const other = gpu.memory().allocate(256, "a test");
        gpu.sums().begin_sum(numbers, 2);
        const Stopwatch here;
        gpu.memory().free(other);
        held_up = here.seconds();
        gpu.sums().wait();
      },
      kShort);
  EXPECT_THAT(errors[0], AllOf(HasSubstr("rank 1 ("), HasSubstr("was not heard of for 1 s")));
  EXPECT_GT(held_up, 0.5);
  EXPECT_LT(watch.seconds(), 8);
}

TEST_F(CudaSums, LeavingReachesAllWithItsReason) {
  Switchboard board(3);
  const Stopwatch watch;
  const auto errors = errors_of_ranks(board, [](Communicator& ranks) {
    if (ranks.rank() != 2) return work_for_ever(ranks);
    OnGpu gpu(ranks);
    const std::span<float> numbers = gpu.put(std::vector<float>(3000, 1));
    gpu.sums().begin_sum(numbers, 3);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    gpu.sums().leave("data.txt:17 is damaged", ErrorKind::input);
    EXPECT_THROW(gpu.sums().wait(), Error);
    fail(ErrorKind::input, "data.txt:17 is damaged");
  });
  for (const size_t rank : {0, 1})
    EXPECT_THAT(errors[rank], AllOf(HasSubstr("rank 2 ("), HasSubstr("has left: data.txt:17 is damaged")));
  EXPECT_LT(watch.seconds(), 5);
}

TEST_F(CudaSums, AnErrorOfNcclIsToldToAll) {
  emulated_nccl_fail(1, 7, nccl::Result::unhandled_cuda_error);
  Switchboard board(3);
  const Stopwatch watch;
  const auto errors = errors_of_ranks(board, work_for_ever);
  EXPECT_THAT(errors[1], HasSubstr("NCCL failed: unhandled cuda error at "));
  for (const size_t rank : {0, 2})
    EXPECT_THAT(errors[rank], AllOf(HasSubstr("rank 1 ("), HasSubstr("has left: NCCL failed: unhandled cuda error")));
  EXPECT_LT(watch.seconds(), 5);
}

// NCCL may notice first that another is gone, and does not say who.
TEST_F(CudaSums, WhoIsMissingIsToldWhereNcclOnlyKnowsThatOneIs) {
  emulated_nccl_fail(0, 7, nccl::Result::remote_error);
  Switchboard board(3);
  std::thread fault([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    board.cut_off(2);
  });
  const Stopwatch watch;
  const auto errors = errors_of_ranks(board, work_for_ever, kShort);
  fault.join();
  for (const size_t rank : {0, 1})
    EXPECT_THAT(errors[rank], AllOf(HasSubstr("rank 2 ("), HasSubstr("was not heard of for 1 s")));
  EXPECT_LT(watch.seconds(), 8);
}

TEST_F(CudaSums, WhereAllLiveAnErrorOfTheirNetworkIsToldAsThat) {
  emulated_nccl_fail(0, 7, nccl::Result::remote_error);
  Switchboard board(2);
  const auto errors = errors_of_ranks(board, work_for_ever, kShort);
  EXPECT_THAT(errors[0], HasSubstr("NCCL failed: remote process exited or there was a network error"));
  EXPECT_THAT(errors[1], HasSubstr("rank 0 ("));
}

}  // namespace
}  // namespace tekio::test
