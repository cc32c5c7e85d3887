// The door to the CUDA back end. Exactly one file implements it: cuda_none.cc where the build has no CUDA.
#pragma once

#include <memory>

#include "compute/backend.h"

namespace tekio {

/// Whether this build and this machine can run the CUDA back end.
bool cuda_is_there();
/// Errors (device): no CUDA in this build, or no usable GPU.
std::unique_ptr<Backend> make_cuda_backend();

}  // namespace tekio
