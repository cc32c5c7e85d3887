// The door to the CUDA back end. Exactly one file implements it: cuda_none.cc where the build has no CUDA.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "compute/backend.h"

namespace tekio {

/// The GPU that `--device cuda`, which is the first, or `cuda:N` names; none where it names something else.
std::optional<int> gpu_number(const std::string& device);
/// How many GPUs this process sees: those that CUDA_VISIBLE_DEVICES leaves, numbered from 0.
int cuda_devices();
/// Why the CUDA back end cannot run on the GPU of this number, in words; empty where it can.
std::string cuda_problem(int number = 0);
/// Errors (device): cuda_problem().
std::unique_ptr<Backend> make_cuda_backend(int number = 0);

}  // namespace tekio
