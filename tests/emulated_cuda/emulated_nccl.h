// What tests may do to the emulated NCCL: ranks are threads of this process, each with an emulated GPU of its own.
#pragma once

#include <string>

#include "dist/nccl/nccl.h"

namespace tekio::test {

/// From now on the library cannot be loaded, for this reason; empty: it can.
void emulated_nccl_missing(const std::string& why);
/// Of the communicators that are begun from now on, a rank's answers so once it has begun so many groups. -1: never.
void emulated_nccl_fail(int rank, int groups, nccl::Result result);
/// Groups that all ranks have carried out, and numbers that went from one to another.
struct EmulatedTraffic {
  int groups = 0;
  size_t numbers = 0;
};
EmulatedTraffic emulated_nccl_traffic();

}  // namespace tekio::test
