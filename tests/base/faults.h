// Makes system calls that change files fail, come short or kill the process at a chosen moment. The test program
// defines write, fsync, rename, … itself, which everything linked into it then calls, libstdc++'s file functions too.
#pragma once

#include <cstdint>

namespace tekio::faults {

struct Plan {
  int64_t at = -1;            ///< the call, counted from 0 since arm(), that is hit; -1: none
  int error = 0;              ///< it fails with this errno, and
  bool kill = false;          ///< or the process is killed just before it
  bool no_exchange = false;   ///< renameat2 does not know RENAME_EXCHANGE, as on some file systems
  bool short_writes = false;  ///< every write takes at most 7 bytes, and every third is interrupted
};

/// From now on, in this thread.
void arm(const Plan& plan);
/// Ends it; returns how many calls there were.
int64_t disarm();

}  // namespace tekio::faults
