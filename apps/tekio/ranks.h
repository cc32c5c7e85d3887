// A command as one of the processes that a launcher (mpirun, srun) started together.
#pragma once

#include <functional>

#include "command.h"
#include "dist/communicator.h"

namespace tekio::cli {

/// Finds the others and calls `body`; started alone, it is alone. Ranks but the first are silent, and whatever ends one
/// of them is told to all. Without --threads each takes its share of the processors. Errors: as of join() and `body`.
int run_on_ranks(Common& common, const std::function<int(Communicator& ranks)>& body);

}  // namespace tekio::cli
