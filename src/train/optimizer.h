// AdamW over a model's weights, with clipping to a global norm folded into its one pass. Ranks that work on one run may
// share the work (ZeRO's first stage, Rajbhandari et al. 2020): each keeps the moments of its share of the weights,
// updates that, and gets the rest from the others. It needs no other gradients: AdamW works number by number, and the
// norm is a sum over blocks none of which two ranks have, so the weights' bits are those that every rank would have
// come to by itself.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "compute/arena.h"
#include "compute/backend.h"
#include "dist/rank_sums.h"
#include "model/weights.h"
#include "train/arena_shares.h"

namespace tekio {

struct OptimizerOptions {
  double weight_decay = 0.01, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double max_grad_norm = 1;  ///< 0: no clipping
};

enum class Moment { first, second };

class Optimizer {
 public:
  /// `backend` must outlive this. `sharers`: sums, in its memory, of the ranks that share the work; nullptr: this one
  /// does all of it.
  Optimizer(Backend& backend, const ModelConfig& config, const OptimizerOptions& options, RankSums* sharers = nullptr);
  /// Bytes of both moments on a rank, where so many share the work; and on the rank that has the most.
  static int64_t moment_bytes(const ModelConfig& config, int sharers, int rank);
  static int64_t most_moment_bytes(const ModelConfig& config, int sharers);

  /// The sum of the gradients' squares before clipping. Where the work is shared, of all ranks' shares: all sharers
  /// call it together. How it is added up depends on the processor.
  double squared_norm(const ParameterSet& gradients);
  /// weights -= the update that `gradients` ask for; `step` counts from 1. `squared_norm`: what that gave, where it is
  /// known. Where it is not a finite number nothing is changed. Where the work is shared, only the own share of
  /// `gradients` is looked at.
  void update(ParameterSet& weights, const ParameterSet& gradients, double learning_rate, int64_t step,
              std::optional<double> squared_norm = std::nullopt);
  /// What the last update clipped by: [kClipping], float64, in the back end's memory.
  ConstTensor clipping() const { return clipping_; }

  /// Where the moments lie, as the weights do.
  Memory& memory() { return backend_.memory(); }
  /// Whether other ranks have some of the moments.
  bool is_shared() const { return sharers_ != nullptr; }
  /// Where all moments are here.
  ParameterSet& moment1() { return *whole_.at(0); }
  ParameterSet& moment2() { return *whole_.at(1); }
  /// Where they are shared: copies those of all ranks to a set in the host's memory, which only those give that want
  /// it. All sharers must call it together.
  void collect(Moment moment, ParameterSet* into);
  /// Takes this rank's share of a set in the host's memory.
  void take(Moment moment, const ParameterSet& from);

 private:
  /// Moments of the arena's numbers [begin, end), which are of one run of the share.
  Tensor part(Moment moment, int64_t begin, int64_t end);
  std::vector<ArenaShares::Run> own_runs(ArenaRange range) const;
  /// Queues the sums of squares of the own share's blocks; returns where they will be.
  Tensor squares(ConstTensor gradients);
  std::vector<double> host_copy(ConstTensor sums);

  Backend& backend_;
  OptimizerOptions options_;
  RankSums* sharers_;
  ArenaShares all_;
  int rank_;
  std::array<std::unique_ptr<ParameterSet>, 2> whole_;  ///< where they are not shared
  std::array<Arena, 2> shares_;                         ///< where they are
  Arena results_;                                       ///< of the two
  Tensor squares_, clipping_;                           ///< the own share's sums of squares by blocks
};

}  // namespace tekio
