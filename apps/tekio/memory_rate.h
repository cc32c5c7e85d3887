// How fast this machine's memory is with the threads of a back end: the limit of what is bound by it. Both go over
// 256 MiB, more than most caches hold.
#pragma once

#include "compute/backend.h"

namespace tekio::cli {

/// GB/s that AdamW's pass reads and writes, which reads four streams and writes three.
double measure_memory_rate(Backend& backend);
/// GB/s that a sum over numbers reads.
double measure_read_rate(Backend& backend);

}  // namespace tekio::cli
