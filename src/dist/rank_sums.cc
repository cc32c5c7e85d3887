#include "dist/rank_sums.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "compute/cuda.h"
#include "dist/device_sums.h"

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
    memory_.submit();  // or what comes before each exchange would be taken for a step that may come again
    for_own(read, [&](size_t begin, size_t count) {
      memory_.read(one.host.data() + begin, numbers.data() + begin, bytes_of(count));
    });
    return one.host;
  }

  Memory& memory_;
  std::vector<Staged> staged_;
};

/// What a rank says of itself before sums are made: where its numbers are, and which NCCL it has.
struct Means {
  std::string gpu, nccl, why_none;  // no GPU: the processor's memory

  std::string text() const { return OrderedJson{{"gpu", gpu}, {"nccl", nccl}, {"why_none", why_none}}.dump(); }
};

Means own_means(const Memory& memory) {
  Means own;
  if (memory.on_host()) return own;
  own.gpu = gpu_of(memory);
  own.nccl = nccl_version(own.why_none);
  return own;
}

/// Errors: comms.
Means means_of(size_t rank, const std::string& text) {
  try {
    const OrderedJson said = parse_ordered_json(text, "means");
    return {said.at("gpu").get<std::string>(), said.at("nccl").get<std::string>(),
            said.at("why_none").get<std::string>()};
  } catch (const OrderedJson::exception&) {  // told below
  } catch (const Error&) {}
  fail(ErrorKind::comms, "rank {} sent '{}' where it was to say what it computes on: the ranks do different things",
       rank, printable(text, 100));
}

/// Why numbers do not go from GPU to GPU; empty where they may. The same on all ranks.
std::string what_is_missing(const std::vector<std::string>& records) {
  std::vector<Means> all;
  for (const std::string& record : records) {
    const size_t rank = all.size();
    const Means own = means_of(rank, record);
    if (own.gpu.empty()) return fmt::format("rank {} computes on no GPU", rank);
    if (own.nccl.empty()) return fmt::format("rank {}: {}", rank, printable(own.why_none, 300));
    for (size_t other = 0; other < all.size(); ++other) {
      if (all[other].gpu == own.gpu) return fmt::format("ranks {} and {} have one GPU together", other, rank);
      if (all[other].nccl != own.nccl)
        return fmt::format("NCCL is {} on rank {} and {} on rank {}", printable(all[other].nccl), other,
                           printable(own.nccl), rank);
    }
    all.push_back(own);
  }
  return "";
}

}  // namespace

std::unique_ptr<RankSums> make_rank_sums(Communicator& ranks, Memory& memory) {
  if (ranks.size() == 1) return std::make_unique<HostSums>(ranks);
  std::string why = what_is_missing(ranks.gather(own_means(memory).text()));
  if (memory.on_host()) return std::make_unique<HostSums>(ranks);
  if (why.empty())
    if (std::unique_ptr<RankSums> sums = make_device_sums(ranks, memory, why)) return sums;
  warn(fmt::format("gradients go from GPU to GPU by way of the processors: {}", why));
  return std::make_unique<StagedSums>(ranks, memory);
}

std::string own_device(const Communicator& ranks, const std::string& device) {
  if (ranks.size() == 1 || device != "cuda") return device;
  return fmt::format("cuda:{}", ranks.number_here() % std::max(1, cuda_devices()));
}

int64_t exchange_bytes(const Memory& memory, int64_t gradient_bytes, RankCount ranks, Wire wire) {
  if (memory.on_host()) return exchange_bytes(gradient_bytes, ranks, wire);
  return ranks.all > 1 ? std::min(most_device_bytes(), gradient_bytes) : 0;
}

}  // namespace tekio
