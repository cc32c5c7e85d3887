// A communicator over a transport: one thread of its own makes all of the transport's calls, goes on with whatever was
// begun, and beats the pulse, while the caller computes.
#pragma once

#include "dist/communicator.h"
#include "dist/transport.h"

namespace tekio {

/// Opens the transport in the engine's thread and waits until all ranks are there. Errors: comms; what `open` throws.
/// Without `say` nobody is told, and nobody waits for that.
std::unique_ptr<Communicator> make_communicator(OpenTransport open, const Limits& limits, Say say = {});

}  // namespace tekio
