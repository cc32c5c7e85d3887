// The door to sums that go from GPU to GPU, by NCCL. Exactly one side of it is there: nccl/device_sums.cc in a build
// that has CUDA, else nccl_none.cc. Behind it is rank_sums.h's: nobody else knocks, but for who asks which NCCL there
// is.
#pragma once

#include <memory>
#include <string>

#include "dist/rank_sums.h"

namespace tekio {

/// NCCL's version, "2.28.9". Empty where there is none, and `why` then says so. Errors: none.
std::string nccl_version(std::string& why);

/// Which GPU a memory is that of: a name that no other GPU has, of this machine or another. Empty: of none.
std::string gpu_of(const Memory& memory);

/// The most bytes of a GPU's memory that sums take beside their numbers.
int64_t most_device_bytes();

/// Sums of numbers in GPUs' memory, each of a GPU of its own, which all ranks make together. Null where NCCL does not
/// bring them together, on all ranks alike, and `why` then says what happened to which rank. Errors: comms, device.
std::unique_ptr<RankSums> make_device_sums(Communicator& ranks, Memory& memory, std::string& why);

}  // namespace tekio
