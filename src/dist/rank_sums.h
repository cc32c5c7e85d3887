// Sums over ranks of numbers that lie where a back end's tensors do, in the processor's memory or in a device's. What
// communicator.h says of sums holds here: who calls what, which bits come out, what is thrown.
//
//   const auto sums = make_rank_sums(*ranks, backend.memory());
//   sums->begin_sum(gradients_of_last_layer, givers);   // as they are once the back end has done what it was asked for
//   sums->begin_sum(gradients_of_first_layer, givers);
//   sums->wait();                                       // what the back end is asked for now sees the sums
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "compute/memory.h"
#include "dist/communicator.h"

namespace tekio {

class RankSums {
 public:
  virtual ~RankSums() = default;
  RankSums(const RankSums&) = delete;
  RankSums& operator=(const RankSums&) = delete;

  Communicator& ranks() const { return ranks_; }

  /// See Communicator's of these names.
  virtual void begin_sum(std::span<float> numbers, int givers, Wire wire = Wire::f32) = 0;
  virtual void begin_shared_sum(std::span<float> numbers, const Parts& parts, int givers, Wire wire = Wire::f32) = 0;
  virtual void begin_exchange_of_shares(std::span<float> numbers, const Parts& parts) = 0;
  virtual void wait() = 0;
  /// To be called instead of the communicator's where sums may be under way.
  virtual void leave(std::string_view why, ErrorKind kind) noexcept = 0;

 protected:
  explicit RankSums(Communicator& ranks) : ranks_(ranks) {}

 private:
  Communicator& ranks_;
};

/// Of numbers of GPUs, from one to the other where each rank has one of its own and NCCL brings them together, else by
/// way of the processors, which a warning tells. `ranks` and `memory` must outlive it. All ranks make theirs together.
/// Errors: comms, device.
std::unique_ptr<RankSums> make_rank_sums(Communicator& ranks, Memory& memory);

/// What --device means on one of several ranks: `cuda` is the GPU of its number on its machine, of those that it sees;
/// where there are fewer, in turn.
std::string own_device(const Communicator& ranks, const std::string& device);

/// The most bytes of `memory` that sums of gradients, so many bytes of them, take beside these.
int64_t exchange_bytes(const Memory& memory, int64_t gradient_bytes, RankCount ranks, Wire wire);

}  // namespace tekio
