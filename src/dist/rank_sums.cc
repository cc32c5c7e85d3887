#include "dist/rank_sums.h"

#include <utility>
#include <vector>

namespace tekio {
namespace {

/// Numbers that the processor may touch.
class HostSums final : public RankSums {
 public:
  explicit HostSums(Communicator& ranks) : RankSums(ranks) {}
  void begin_sum(std::span<float> numbers, int givers, Wire wire) override { ranks().begin_sum(numbers, givers, wire); }
  void begin_shared_sum(std::span<float> numbers, const Parts& parts, int givers, Wire wire) override {
    ranks().begin_shared_sum(numbers, parts, givers, wire);
  }
  void begin_exchange_of_shares(std::span<float> numbers, const Parts& parts) override {
    ranks().begin_exchange_of_shares(numbers, parts);
  }
  void wait() override { ranks().wait(); }
  void leave(std::string_view why, ErrorKind kind) noexcept override { ranks().leave(why, kind); }
};

/// Numbers of a device, by way of the processor: read when a sum is begun, which waits for all that the device was
/// asked for before, and written back by wait().
class StagedSums final : public RankSums {
 public:
  StagedSums(Communicator& ranks, Memory& memory) : RankSums(ranks), memory_(memory) {}

  void begin_sum(std::span<float> numbers, int givers, Wire wire) override {
    ranks().begin_sum(stage(numbers, whole(numbers), whole(numbers)), givers, wire);
  }
  void begin_shared_sum(std::span<float> numbers, const Parts& parts, int givers, Wire wire) override {
    ranks().begin_shared_sum(stage(numbers, whole(numbers), parts), parts, givers, wire);
  }
  void begin_exchange_of_shares(std::span<float> numbers, const Parts& parts) override {
    ranks().begin_exchange_of_shares(stage(numbers, parts, whole(numbers)), parts);
  }
  void wait() override {
    ranks().wait();
    for (Staged& one : staged_)
      for_own(one.written, [&](size_t begin, size_t count) {
        memory_.write(one.numbers.data() + begin, one.host.data() + begin, bytes_of(count));
      });
    staged_.clear();
  }
  void leave(std::string_view why, ErrorKind kind) noexcept override { ranks().leave(why, kind); }

 private:
  struct Staged {
    std::span<float> numbers;  // the device's
    std::vector<float> host;
    Parts written;  // of which this rank's are to come back
  };

  static int64_t bytes_of(size_t count) { return static_cast<int64_t>(count * sizeof(float)); }
  Parts whole(std::span<float> numbers) const { return {{numbers.size(), ranks().rank()}}; }
  template <typename Body>
  void for_own(const Parts& parts, const Body& body) const {
    size_t begin = 0;
    for (const Part& part : parts) {
      if (part.rank == ranks().rank() && part.end > begin) body(begin, part.end - begin);
      begin = part.end;
    }
  }
  std::span<float> stage(std::span<float> numbers, const Parts& read, Parts written) {
    Staged& one = staged_.emplace_back(Staged{numbers, std::vector<float>(numbers.size()), std::move(written)});
    for_own(read, [&](size_t begin, size_t count) {
      memory_.read(one.host.data() + begin, numbers.data() + begin, bytes_of(count));
    });
    return one.host;
  }

  Memory& memory_;
  std::vector<Staged> staged_;
};

}  // namespace

std::unique_ptr<RankSums> make_rank_sums(Communicator& ranks, Memory& memory) {
  if (memory.on_host() || ranks.size() == 1) return std::make_unique<HostSums>(ranks);
  return std::make_unique<StagedSums>(ranks, memory);
}

}  // namespace tekio
