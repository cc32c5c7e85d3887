// The door to the CUDA back end. Exactly one file implements it: cuda_none.cc where the build has no CUDA.
#pragma once

#include <memory>
#include <string>

#include "compute/backend.h"

namespace tekio {

/// Why the CUDA back end cannot run here, in words; empty where it can.
std::string cuda_problem();
/// Errors (device): cuda_problem().
std::unique_ptr<Backend> make_cuda_backend();

}  // namespace tekio
