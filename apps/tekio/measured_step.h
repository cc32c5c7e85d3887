// One training step, or evaluation, measured: the trainer's update (forward, backward, AdamW with clipping) on random
// chunks, with the rate of one large product as its limit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/json.h"
#include "command.h"
#include "dist/communicator.h"
#include "model/config.h"

namespace tekio::cli {

struct StepJob {
  int64_t batch_size = 64, length = 128;  ///< chunks, and tokens in each
  int64_t steps = 5;                      ///< measured, after one to warm up
  bool eval = false;                      ///< forward alone, no dropout
  std::string kernel;  ///< what multiplies: "f32" or one of Backend::bf16_kernels(); empty: by --dtype
};

/// `folder`: the model's; empty: random weights. On several ranks each has a batch of its own, and they make one update
/// together. Errors: device (no memory, no such kernel here), comms.
OrderedJson measure_step(const StepJob& job, const Common& common, const ModelConfig& config,
                         const std::filesystem::path& folder, Communicator& ranks);

}  // namespace tekio::cli
