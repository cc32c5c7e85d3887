// The functions of NCCL that we call, found when several ranks have a GPU each. They are declared here, as NCCL 2.18
// and later have them, since its header is no part of the CUDA toolkit; where there is one, tests/dist holds the two to
// each other.
#pragma once

#include <cuda_runtime.h>

#include <climits>
#include <cstddef>

namespace tekio::nccl {

enum class Result : int {
  success,
  unhandled_cuda_error,
  system_error,
  internal_error,
  invalid_argument,
  invalid_usage,
  remote_error,
  in_progress
};
enum class Type : int { float32 = 7, bfloat16 = 9 };
struct UniqueId {
  char bytes[128];
};
using Comm = struct CommState*;  // NCCL's own

/// ncclConfig_t, as far as version 2.18 knew it: that version, and that size, tell later ones so.
struct Config {
  size_t size = sizeof(Config);
  unsigned magic = 0xCAFEBEEF, version = 21800;
  int blocking = 0;
  int cga_cluster_size = INT_MIN, min_ctas = INT_MIN, max_ctas = INT_MIN;  // undefined: as NCCL will
  const char* net_name = nullptr;
  int split_share = INT_MIN;
};

struct Functions {
  Result (*version)(int* version);
  Result (*unique_id)(UniqueId* id);
  Result (*init)(Comm* comm, int ranks, UniqueId id, int rank, Config* config);
  Result (*async_error)(Comm comm, Result* result);
  Result (*finalize)(Comm comm);
  Result (*destroy)(Comm comm);
  Result (*abort)(Comm comm);
  const char* (*error_text)(Result result);
  const char* (*last_error)(Comm comm);
  Result (*group_start)();
  Result (*group_end)();
  Result (*send)(const void* numbers, size_t count, Type type, int to, Comm comm, cudaStream_t stream);
  Result (*receive)(void* numbers, size_t count, Type type, int from, Comm comm, cudaStream_t stream);
};

/// Errors (io): the library is not there, or lacks one of them.
const Functions& functions();

}  // namespace tekio::nccl
