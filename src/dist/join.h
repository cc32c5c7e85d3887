// How a process finds the others that its launcher started beside it.
#pragma once

#include <optional>

#include "dist/communicator.h"

namespace tekio {

/// What launchers leave in the environment of each process that they start.
struct Launch {
  std::string launcher;           ///< "Open MPI's mpirun", as sentences name it
  int size = 1;                   ///< processes that were started together
  std::vector<std::string> mpis;  ///< those that may know the others: "openmpi", "mpich"; the likeliest first
};
/// None where no launcher started several. Errors: comms (a variable is no number).
std::optional<Launch> find_launch();

/// Limits{}, or as TEKIO_SILENCE_SECONDS and TEKIO_START_SECONDS say. Errors: usage (one is no number of at least 0.1).
Limits limits_of_environment();

/// The communicator of all processes that were started together; alone() where this one was started alone. Waits for
/// the others. To be called once in a process.
/// Errors: comms (this is one of several, and the others cannot be reached: no module for their MPI, another MPI than
/// the launcher's; they did not come in time).
std::unique_ptr<Communicator> join(const Say& say = {}, const Limits& limits = limits_of_environment());

/// What the module of an MPI ("openmpi", "mpich") says that it is: "Open MPI v4.1.4". Empty where it cannot be loaded,
/// and `why` then says so.
std::string mpi_version(const std::string& mpi, std::string& why);

}  // namespace tekio
