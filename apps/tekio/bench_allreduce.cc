// tekio bench allreduce: what a sum over all ranks costs, beside the copying of memory that no sum can do without.
#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "base/stopwatch.h"
#include "base/thread_pool.h"
#include "bench.h"
#include "compute/arena.h"
#include "compute/backend.h"
#include "dist/rank_sums.h"
#include "dist/tree_sum.h"
#include "ranks.h"

namespace tekio::cli {
namespace {

// A rank's number: of both signs and several sizes, so that another order of adding gives other bits.
float number_of(int rank, size_t index) {
  uint64_t word = (index + 1) * 0x9E3779B97F4A7C15U + static_cast<uint64_t>(rank) * 0xD1B54A32D192ED03U;
  word ^= word >> 29;
  word *= 0xBF58476D1CE4E5B9U;
  const auto fraction = static_cast<float>(static_cast<int32_t>(word >> 33) - (1 << 30)) * 0x1p-30F;
  return fraction * static_cast<float>(1U << (word & 15));
}

class BenchAllreduce final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "bench allreduce",
        .summary = "measures how fast the processes of a launcher sum numbers",
        .usage = "[--bytes 268435456] [--wire bf16] [--check]",
        .description =
            "Started by mpirun or srun: sums as many float32 numbers as fill --bytes over all processes, as "
            "training does with gradients, and shows the median of the slowest process's times. Each process "
            "must send and receive 2 (N - 1) / N of the numbers; that many bytes a second stand beside what "
            "plain copying in the processor's memory gives while all processes do it. With --device cuda the "
            "numbers are in GPUs' memory. The first process prints.",
        .examples = {"mpirun -n 4 tekio bench allreduce", "mpirun -n 2 tekio bench allreduce --bytes 1000000 --json"},
        .on_ranks = OnRanks::together};
  }

  void add_options(OptionTable& table) override {
    table.add("bytes", &bytes_, "float32 numbers to sum, in bytes").at_least(4).at_most(1e11);
    table.add("parts", &parts_, "sums under way at once that they are cut into").at_least(1).at_most(10000);
    table.add("wire", &wire_, "what numbers are sent as").one_of({"f32", "bf16"});
    table.add("check", &check_, "compares every sum with one taken by this process alone, bit by bit");
    add_repeats(table, &repeats_);
  }

  int run(const OptionTable& table, const std::vector<std::string>&, Output& out) override {
    return run_on_ranks(table, common, [&](Communicator& ranks) { return measure(ranks, out); });
  }

 private:
  int measure(Communicator& ranks, Output& out) {
    if (ranks.size() == 1) note("one process has nothing to sum: start several, by mpirun -n 2 say");
    ThreadPool pool(1);
    const std::unique_ptr<Backend> backend = make_backend(common.computes_on(), pool);
    Memory& memory = backend->memory();
    const std::unique_ptr<RankSums> rank_sums = make_rank_sums(ranks, memory);
    std::vector<float> numbers(static_cast<size_t>(bytes_) / sizeof(float));
    const auto count = static_cast<int64_t>(numbers.size());
    Arena arena(memory.on_host() ? 0 : Arena::size_of_tensor(DType::f32, {count}), "the numbers to sum", memory);
    const Tensor there =
        memory.on_host() ? Tensor(numbers.data(), DType::f32, {count}) : arena.take(DType::f32, {count});
    std::vector<double> sums, gathers, copies;
    for (int64_t i = 0; i <= repeats_;
         ++i) {  // the first time is not counted: connections are made and memory is taken
      fill(ranks, numbers);
      if (!memory.on_host()) memory.write(there.data, numbers.data(), there.bytes());
      const double gather = slowest(ranks, [&] { ranks.gather(""); });
      const double sum = slowest(ranks, [&] { sum_up(*rank_sums, there.values()); });
      if (check_ && !memory.on_host()) memory.read(numbers.data(), there.data, there.bytes());
      if (check_) compare(ranks, numbers);
      const double copy = slowest(ranks, [&] { copy_of(numbers); });
      if (i == 0) continue;
      gathers.push_back(gather);
      sums.push_back(sum);
      copies.push_back(copy);
    }
    if (ranks.rank() == 0) print(ranks, *backend, median(sums), median(gathers), median(copies), out);
    return 0;
  }

  Wire wire() const { return wire_ == "bf16" ? Wire::bf16 : Wire::f32; }

  static void fill(const Communicator& ranks, std::vector<float>& numbers) {
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = number_of(ranks.rank(), i);
  }

  // All begin at once; the time of who takes longest.
  template <typename Body>
  static double slowest(Communicator& ranks, const Body& body) {
    ranks.gather("");
    const Stopwatch watch;
    body();
    const double own = watch.seconds();
    double most = 0;
    for (const std::string& text : ranks.gather({reinterpret_cast<const char*>(&own), sizeof own})) {
      double seconds = 0;
      std::memcpy(&seconds, text.data(), std::min(text.size(), sizeof seconds));
      most = std::max(most, seconds);
    }
    return most;
  }

  void sum_up(RankSums& sums, std::span<float> numbers) const {
    const auto parts = static_cast<size_t>(parts_);
    for (size_t part = 0; part < parts; ++part) {
      const size_t begin = numbers.size() * part / parts, end = numbers.size() * (part + 1) / parts;
      sums.begin_sum(numbers.subspan(begin, end - begin), sums.ranks().size(), wire());
    }
    sums.wait();
  }

  void copy_of(const std::vector<float>& numbers) {
    copy_.resize(numbers.size());
    std::memcpy(copy_.data(), numbers.data(), numbers.size() * sizeof(float));
  }

  void compare(const Communicator& ranks, const std::vector<float>& sums) const {
    if (ranks.size() == 1) return;
    std::vector<float> values(static_cast<size_t>(ranks.size()));
    std::vector<float*> parts;
    for (float& value : values) parts.push_back(&value);
    for (size_t i = 0; i < sums.size(); ++i) {
      for (int rank = 0; rank < ranks.size(); ++rank) values[static_cast<size_t>(rank)] = number_of(rank, i);
      if (wire() == Wire::bf16) round_to_bf16(values.data(), values.size());
      float expected = 0;
      add_in_tree(parts, 1, &expected);
      if (wire() == Wire::bf16) round_to_bf16(&expected, 1);
      if (std::memcmp(&expected, &sums[i], sizeof expected) != 0)
        fail(ErrorKind::comms, "sum {} on rank {} is {}, where {} is right", i, ranks.rank(), sums[i], expected);
    }
  }

  void print(const Communicator& ranks, const Backend& backend, double seconds, double gather, double copy,
             Output& out) const {
    const double size = ranks.size(), bytes = static_cast<double>(bytes_ / 4 * 4);
    const double moved = 2 * (size - 1) / size * bytes / (wire() == Wire::bf16 ? 2 : 1);
    const double rate = moved / seconds, copy_rate = bytes / copy;
    if (common.json)
      out.json({{"what", "allreduce"},
                {"world_size", ranks.size()},
                {"device", backend.name()},
                {"bytes", bytes_ / 4 * 4},
                {"parts", parts_},
                {"wire", wire_},
                {"seconds", seconds},
                {"bytes_per_second", bytes / seconds},
                {"moved_bytes_per_second", rate},
                {"copied_bytes_per_second", copy_rate},
                {"share_of_copying", rate / copy_rate},
                {"gather_seconds", gather},
                {"processors", ranks.processors()},
                {"repeats", repeats_}});
    else
      out.line(fmt::format(
          "{:.4g} s for {:.4g} MB over {}, median of {} · {:.4g} MB/s in and out of each, {:.0f} % of copying "
          "in memory ({:.4g} MB/s) · {:.3g} ms a record from all to all",
          seconds, bytes * 1e-6, counted(ranks.size(), "rank"), repeats_, rate * 1e-6, 100 * rate / copy_rate,
          copy_rate * 1e-6, gather * 1e3));
  }

  int64_t bytes_ = 268435456, parts_ = 1, repeats_ = 5;
  std::string wire_ = "f32";
  bool check_ = false;
  std::vector<float> copy_;
};

}  // namespace

std::unique_ptr<Command> make_bench_allreduce() { return std::make_unique<BenchAllreduce>(); }

}  // namespace tekio::cli
