// NCCL's own sums add in an order that is NCCL's. So ranks only send and receive by it, and a kernel adds: each owner's
// numbers go to it, it adds them in the tree's order, and the sums go back. All of that is queued on a stream of its
// own, which waits for what the back end was asked for before and goes on beside what it is asked for afterwards.
//
// A rank that is missing leaves kernels waiting on the others' GPUs for ever, until connection.h's ends what is under
// way; and before anything is thrown here, that has been done.
#include "dist/device_sums.h"

#include <cstring>
#include <exception>
#include <utility>

#include "base/log.h"
#include "compute/cuda/device.h"
#include "dist/nccl/connection.h"
#include "dist/nccl/kernels.h"
#include "dist/sum.h"

namespace tekio {
namespace {

using cuda::Device;
using cuda::DeviceBuffer;
using nccl::functions;
using nccl::Result;

#ifdef TEKIO_CUDA_EMULATED  // tests sum few numbers, and are to need several rounds for them
constexpr size_t kGivenNumbers = 512, kMessages = 12;
#else
constexpr size_t kGivenNumbers = size_t{8} << 20;  // of all ranks, that lie beside at once
constexpr size_t kMessages = 512;                  // of a group in one direction; NCCL has room for 2,048
#endif
constexpr double kEndingSeconds = 5;

class Event {
 public:
  Event() { cuda::check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreate"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream) { cuda::check(cudaEventRecord(event_, stream), "cudaEventRecord"); }
  void hold(cudaStream_t stream) { cuda::check(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent"); }
  bool has_come() {
    const cudaError_t state = cudaEventQuery(event_);
    if (state != cudaErrorNotReady) cuda::check(state, "cudaEventQuery: a sum over ranks");
    return state == cudaSuccess;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

class Stream {
 public:
  explicit Stream(const Device& device) {
    device.make_current();
    cuda::check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }  // NOLINT: as CUDA's functions take it

 private:
  cudaStream_t stream_ = nullptr;
};

nccl::Type type_of(Wire wire) { return wire == Wire::bf16 ? nccl::Type::bfloat16 : nccl::Type::float32; }

/// What one group sends and receives.
struct Messages {
  const nccl::Connection& connection;
  nccl::Comm comm;
  cudaStream_t stream;

  void send(const void* numbers, size_t count, Wire wire, int to) const {
    connection.check(functions().send(numbers, count, type_of(wire), to, comm, stream), "ncclSend");
  }
  void receive(void* numbers, size_t count, Wire wire, int from) const {
    connection.check(functions().receive(numbers, count, type_of(wire), from, comm, stream), "ncclRecv");
  }
};

class DeviceSums final : public RankSums {
 public:
  DeviceSums(Communicator& ranks, Device& device)
      : RankSums(ranks), device_(device), stream_(device), connection_(ranks) {}
  ~DeviceSums() override;

  /// Together with all ranks. Errors: nccl::Failure, nccl::Ended (they do not come together), comms.
  void meet(const nccl::UniqueId& id);

  void begin_sum(std::span<float> numbers, int givers, Wire wire) override {
    begin({Sum::Kind::sum, numbers, even_parts(numbers.size(), size()), givers, wire});
  }
  void begin_shared_sum(std::span<float> numbers, const Parts& parts, int givers, Wire wire) override {
    begin({Sum::Kind::shared_sum, numbers, parts, givers, wire});
  }
  void begin_exchange_of_shares(std::span<float> numbers, const Parts& parts) override {
    begin({Sum::Kind::exchange_of_shares, numbers, parts, size(), Wire::f32});
  }
  void wait() override {
    or_end([&] { stand_by(); });
  }
  void leave(std::string_view why, ErrorKind kind) noexcept override {
    ranks().leave(why, kind);
    end();
  }
  void end() noexcept;

 private:
  /// As many pieces of each rank's share as find room at once.
  struct Round {
    const Sum::Request& request;
    const SumPieces& pieces;
    size_t first, count, largest;  ///< the number of its first piece, how many there are, numbers of the largest
    /// body(slot, numbers of it) for each piece of a rank's share.
    template <typename Body>
    void for_each(int rank, const Body& body) const {
      for (size_t slot = 0; slot < count && first + slot < pieces.of_share(rank); ++slot) {
        const SumPieces::Range range = pieces.range(pieces.id(rank, first + slot));
        if (range.count > 0) body(slot, request.numbers.subspan(range.begin, range.count));
      }
    }
    size_t size_of_slots() const { return count * largest; }
  };

  int rank() const { return ranks().rank(); }
  int size() const { return ranks().size(); }
  bool gives(const Sum::Request& request) const { return rank() < request.givers; }

  void begin(const Sum::Request& request);
  void queue(const Sum::Request& request);
  void collect(const Round& round);
  void add(const Round& round);
  void spread(const Round& round);
  void spread_rounded(const Round& round);

  template <typename Body>
  void for_others(const Body& body) const {
    for (int step = 1; step < size(); ++step) body((rank() + step) % size());
  }
  template <typename Body>
  void group(const Body& body) {
    connection_.group([&](nccl::Comm comm) { body(Messages{connection_, comm, stream_}); });
  }
  std::byte* slot_of(const DeviceBuffer& buffer, const Round& round, int rank, size_t slot, size_t bytes) const {
    return static_cast<std::byte*>(buffer.data()) +
           (static_cast<size_t>(rank) * round.size_of_slots() + slot * round.largest) * bytes;
  }
  /// Where this rank finds what giver `from` sends it; and where what goes by the wire as bf16 is packed, by whose it
  /// is.
  void* given(const Round& round, int from, size_t slot) const {
    return slot_of(given_, round, from, slot, round.request.wire == Wire::bf16 ? sizeof(bf16) : sizeof(float));
  }
  bf16* packed(const Round& round, int share, size_t slot) const {
    return reinterpret_cast<bf16*>(slot_of(packed_, round, share, slot, sizeof(bf16)));
  }
  void make_room(DeviceBuffer& buffer, size_t bytes);

  void stand_by();
  template <typename Body>
  void or_end(const Body& body);
  [[noreturn]] void tell(const nccl::Failure& failure);

  Device& device_;
  Stream stream_;
  Event asked_, done_;
  DeviceBuffer given_, packed_;
  nccl::Connection connection_;  // ends first
};

// ---- what is queued ----

void DeviceSums::begin(const Sum::Request& request) {
  request.check(size());
  or_end([&] { queue(request); });
}

void DeviceSums::queue(const Sum::Request& request) {
  const SumPieces pieces(request.parts, size(), std::max<size_t>(1, kGivenNumbers / static_cast<size_t>(size())));
  size_t largest = 0;
  for (int share = 0; share < size(); ++share)
    for (size_t number = 0; number < pieces.of_share(share); ++number)
      largest = std::max(largest, pieces.range(pieces.id(share, number)).count);
  if (largest == 0) return;
  const size_t at_once =
      std::clamp<size_t>(std::min(kGivenNumbers / largest, kMessages) / static_cast<size_t>(size()), 1, pieces.most());
  const size_t slots = static_cast<size_t>(size()) * at_once * largest;
  const bool adds = request.kind != Sum::Kind::exchange_of_shares, rounds = request.wire == Wire::bf16;
  if (adds) make_room(given_, slots * (rounds ? sizeof(bf16) : sizeof(float)));
  if (rounds) make_room(packed_, slots * sizeof(bf16));

  device_.submit();
  asked_.record(device_.stream());
  asked_.hold(stream_);
  for (size_t first = 0; first < pieces.most(); first += at_once) {
    const Round round{request, pieces, first, at_once, largest};
    if (adds) {
      collect(round);
      add(round);
    }
    if (request.kind != Sum::Kind::shared_sum) rounds ? spread_rounded(round) : spread(round);
  }
}

void DeviceSums::collect(const Round& round) {
  const Wire wire = round.request.wire;
  if (wire == Wire::bf16 && gives(round.request))
    for_others([&](int to) {
      round.for_each(to, [&](size_t slot, std::span<float> numbers) {
        nccl::narrow(stream_, numbers.data(), static_cast<int64_t>(numbers.size()), packed(round, to, slot));
      });
    });
  group([&](const Messages& messages) {
    for_others([&](int other) {
      if (gives(round.request))
        round.for_each(other, [&](size_t slot, std::span<float> numbers) {
          const void* from = wire == Wire::bf16 ? static_cast<void*>(packed(round, other, slot)) : numbers.data();
          messages.send(from, numbers.size(), wire, other);
        });
      if (other < round.request.givers)
        round.for_each(rank(), [&](size_t slot, std::span<float> numbers) {
          messages.receive(given(round, other, slot), numbers.size(), wire, other);
        });
    });
  });
}

void DeviceSums::add(const Round& round) {
  const Wire wire = round.request.wire;
  round.for_each(rank(), [&](size_t slot, std::span<float> numbers) {
    nccl::add_in_tree(
        stream_,
        {given(round, 0, slot), wire, static_cast<int64_t>(round.size_of_slots()), round.request.givers, rank()},
        static_cast<int64_t>(numbers.size()), numbers.data(),
        wire == Wire::bf16 ? packed(round, rank(), slot) : nullptr);
  });
}

void DeviceSums::spread(const Round& round) {
  group([&](const Messages& messages) {
    for_others([&](int other) {
      round.for_each(rank(),
                     [&](size_t, std::span<float> own) { messages.send(own.data(), own.size(), Wire::f32, other); });
      round.for_each(
          other, [&](size_t, std::span<float> sums) { messages.receive(sums.data(), sums.size(), Wire::f32, other); });
    });
  });
}

void DeviceSums::spread_rounded(const Round& round) {
  group([&](const Messages& messages) {
    for_others([&](int other) {
      round.for_each(rank(), [&](size_t slot, std::span<float> own) {
        messages.send(packed(round, rank(), slot), own.size(), Wire::bf16, other);
      });
      round.for_each(other, [&](size_t slot, std::span<float> sums) {
        messages.receive(packed(round, other, slot), sums.size(), Wire::bf16, other);
      });
    });
  });
  for_others([&](int other) {
    round.for_each(other, [&](size_t slot, std::span<float> sums) {
      nccl::widen(stream_, packed(round, other, slot), static_cast<int64_t>(sums.size()), sums.data());
    });
  });
}

/// What is queued may still use the buffer that gives way.
void DeviceSums::make_room(DeviceBuffer& buffer, size_t bytes) {
  if (static_cast<size_t>(buffer.bytes()) >= bytes) return;
  stand_by();
  device_.make_current();
  buffer = DeviceBuffer();
  buffer = DeviceBuffer(static_cast<int64_t>(bytes), "what ranks send each other");
}

/// Until all that is queued is done.
void DeviceSums::stand_by() {
  done_.record(stream_);
  connection_.look_until("a sum over ranks", [&] { return done_.has_come(); });
  connection_.settle("a sum over ranks");  // kernels that gave up have come to their end as well
}

// ---- beginning and end ----

void DeviceSums::meet(const nccl::UniqueId& id) {
  connection_.set_limit(3 * ranks().silence_seconds());
  connection_.open(id);
  // Connections are made when they are first used: let that be now.
  const auto count = static_cast<size_t>(size());
  Parts parts;
  for (size_t i = 0; i < count; ++i) parts.push_back({i + 1, static_cast<int>(i)});
  make_room(packed_, count * sizeof(float));  // which float32 does not use
  device_.zero(packed_.data(), packed_.bytes());
  queue({Sum::Kind::sum, {static_cast<float*>(packed_.data()), count}, parts, size(), Wire::f32});
  stand_by();
  connection_.set_limit(0);
}

/// Nothing is under way after what `body` throws.
template <typename Body>
void DeviceSums::or_end(const Body& body) {
  try {
    body();
  } catch (const nccl::Ended&) {
    end();
    ranks().check();
    fail(ErrorKind::comms, "sums over ranks have ended");
  } catch (const nccl::Failure& failure) {
    end();
    tell(failure);
  } catch (...) {
    end();
    throw;
  }
}

/// NCCL misses a rank sooner than its pulse tells which it is.
void DeviceSums::tell(const nccl::Failure& failure) {
  const bool may_be_another = failure.result == Result::remote_error || failure.result == Result::system_error;
  for (nccl::Patience patience; may_be_another && patience.seconds() < ranks().silence_seconds() + 2; patience.pause())
    ranks().check();
  fail(ErrorKind::comms, "NCCL failed: {}; NCCL_DEBUG=WARN in the environment tells more", failure.text);
}

/// Ends all that is under way: nothing touches the numbers any more.
void DeviceSums::end() noexcept {
  connection_.abort();
  cudaStreamSynchronize(stream_);
}

DeviceSums::~DeviceSums() {
  if (std::uncaught_exceptions() > 0) end();
  if (!connection_.is_open()) return;
  try {
    connection_.set_limit(kEndingSeconds);
    stand_by();
    connection_.close();
  } catch (...) {
    end();
  }
}

std::string version_text(int code) {  // 22809 is 2.28.9
  return fmt::format("{}.{}.{}", code / 10000, code / 100 % 100, code % 100);
}

Device& device_of(Memory& memory) { return dynamic_cast<Device&>(memory); }

}  // namespace

std::string nccl_version(std::string& why) {
  try {
    int code = 0;
    if (functions().version(&code) == Result::success) return version_text(code);
    why = "NCCL does not say its version";
  } catch (const Error& error) {
    why = error.what();
  }
  return "";
}

std::string gpu_of(const Memory& memory) {
  const auto* const device = dynamic_cast<const Device*>(&memory);
  return device != nullptr ? device->uuid() : "";
}

// Of each rank's float32 numbers, or of bf16 ones and what is packed to be sent.
int64_t most_device_bytes() { return static_cast<int64_t>(kGivenNumbers * sizeof(float)); }

std::unique_ptr<RankSums> make_device_sums(Communicator& ranks, Memory& memory, std::string& why) {
  std::string own_problem;
  nccl::UniqueId id{};
  std::string record;
  if (ranks.rank() == 0) {
    if (const Result result = functions().unique_id(&id); result == Result::success)
      record.assign(id.bytes, sizeof id.bytes);
    else
      own_problem = std::string("!") + functions().error_text(result);
  }
  record = ranks.broadcast(record);
  auto sums = std::make_unique<DeviceSums>(ranks, device_of(memory));
  if (record.size() == sizeof id.bytes) {
    std::memcpy(id.bytes, record.data(), sizeof id.bytes);
    try {
      sums->meet(id);
    } catch (const nccl::Failure& failure) {
      own_problem = (failure.is_silence ? "?" : "!") + failure.text;
      sums->end();
    } catch (const nccl::Ended&) {
      ranks.check();
      own_problem = "!its communicator has ended";
    }
  } else if (own_problem.empty()) {
    own_problem = "?rank 0 gave no id";
  }
  const std::vector<std::string> problems = ranks.gather(own_problem);
  for (const char first : {'!', '?'})  // whoever failed, before those that waited for it
    for (size_t rank = 0; rank < problems.size(); ++rank)
      if (problems[rank].starts_with(first)) {
        why = fmt::format("NCCL failed on rank {}: {}", rank, printable(problems[rank].substr(1), 300));
        sums->end();
        return nullptr;
      }
  return sums;
}

}  // namespace tekio
