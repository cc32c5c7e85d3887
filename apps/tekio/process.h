// Another program run to its end, with what it said, how long it took from exec on and the most memory that it held.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tekio::cli {

struct ProcessResult {
  int code = 0;          ///< the exit code, or 128 + the signal that ended it
  std::string out, err;  ///< what it wrote to its standard output and error
  double seconds = 0;    ///< from just before exec to its end
  int64_t peak_mib = 0;  ///< its resident memory at its largest
};

/// Runs arguments[0] (sought in $PATH where it has no '/') with an empty standard input; it dies with this process.
/// Errors: io (it cannot be started).
ProcessResult run_process(const std::vector<std::string>& arguments);

/// This program, to be run once more.
inline constexpr const char* kOwnProgram = "/proc/self/exe";

}  // namespace tekio::cli
