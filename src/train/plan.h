// What a run will need before it is begun: the largest batch, memory by purpose, disk, and arithmetic.
#pragma once

#include <optional>
#include <string>

#include "compute/arena.h"
#include "model/flops.h"
#include "model/mlm_network.h"
#include "train/gradient_sum.h"
#include "train/schedule.h"

namespace tekio {

/// The largest batch to plan for. How many of its tokens are masked is a matter of chance: the mean and ten standard
/// deviations; ModelLease sees to more should that ever be exceeded.
BatchLimits batch_limits(int64_t batch_size, int64_t chunk_size, const MaskOptions& masking);
/// The same where the masked share changes: the largest one counts.
BatchLimits batch_limits(int64_t batch_size, int64_t chunk_size, const TrainingOptions& options);
/// Training and evaluations of a run alternate in the same memory; no batch holds more chunks than there are.
BatchLimits batch_limits(const TrainingOptions& options, const Chunks::Split& data);

/// What a run's gradients are sent as.
Wire wire_of(const TrainingOptions& options);

/// The largest update of a run on so many ranks.
GradientSumLimits gradient_sum_limits(const TrainingOptions& options, const Chunks::Split& data, int ranks);

/// Weights, gradients, moments, activations: all that each of so many ranks allocates before the first step, and what
/// gradients take on their way to the others. And what rank 0 writes checkpoints from: where there is room for it
/// beside all ranks of the machine, a copy; else, where moments are shared out, all of these.
MemoryPlan memory_plan(const ModelConfig& config, Backend& backend, const TrainingOptions& options,
                       const Chunks::Split& data, DType type, RankCount ranks = {});

/// Bytes that a run may still take of the memory that `backend` computes in; nullopt where that is not told before it
/// is asked for, as by a device.
std::optional<int64_t> available_to(Backend& backend);
/// What to say where a run is to take more memory than there is; empty where it fits, or what there is is not told.
std::string memory_shortage(int64_t planned_bytes, std::optional<int64_t> available_bytes);
/// The same of a run's plan, which each of the ranks on this machine has; but a checkpoint's copy is made where there
/// is room.
std::string memory_shortage(const MemoryPlan& plan, std::optional<int64_t> available_bytes, RankCount ranks);

/// What a run keeps on disk when it keeps the most.
struct DiskPlan {
  int64_t model_bytes = 0;       ///< the adapted model's
  int64_t checkpoint_bytes = 0;  ///< each
  int64_t checkpoints = 0;       ///< at a time: one more than are kept, as the newest is written before one is removed
  int64_t total() const { return model_bytes + checkpoints * checkpoint_bytes; }
  /// What to say where `to_come` more checkpoints have no room; empty where they have, or what is free is not told.
  std::string shortage(int64_t to_come, std::optional<int64_t> free_bytes) const;
};
DiskPlan disk_plan(const ModelConfig& config, const TrainingOptions& options, const Schedule& schedule);

}  // namespace tekio
