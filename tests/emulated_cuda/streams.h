// What streams.cc (streams, events, graphs) and emulation.cc (devices, memory, kernels) have of each other.
#pragma once

#include <optional>

#include "cuda_runtime.h"

inline thread_local int emulated_current_device = 0;
/// Ends the program, and says which thread of which block was running.
[[noreturn]] void emulated_die(const char* what);

/// What a call that may not be made while a stream is captured gives.
cudaError_t emulated_state();
int emulated_device_of(cudaStream_t stream);
/// Waits until none of a device's streams has anything left to do.
void emulated_finish(std::optional<int> device);
