// Messages by MPI, through the module that is linked with it.
#pragma once

#include <string>

#include "dist/transport.h"

namespace tekio {

/// Errors: comms (there is no such module, it cannot be loaded, MPI does not start; MPI knows of another number of
/// processes than `expected_size`).
OpenTransport mpi_transport(const std::string& mpi, int expected_size);

/// Errors: comms (the module cannot be loaded).
std::string mpi_library_version(const std::string& mpi);
/// "Open MPI", "MPICH".
std::string shown_mpi(const std::string& mpi);

}  // namespace tekio
