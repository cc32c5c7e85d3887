// The gradients of one update, summed over its micro-batches in an order that does not depend on which rank has which:
// a binary tree over their numbers, ((0 + 1) + (2 + 3)) + …, where a node without a neighbour is passed on as it is.
// Each rank has a run of micro-batches, whose part of the tree it folds as a binary counter counts; the ranks' sum is
// the rest of the tree. So the same bits come out wherever each rank's run is a whole subtree: all runs, but the last,
// as long as the same power of two.
//
//   GradientSum sum(network, sums, limits);
//   sum.begin({.micro_batches = 4, .own = 2, .givers = 2, .looked_up = ids});
//   sum.add(batch, random, scale, loss);  …                            // twice
//   sum.end();                                                         // network.gradients() has the sum
//
// What the last of a rank's micro-batches makes final is folded and exchanged while its backward goes on. An update of
// one micro-batch is a plain backward.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "compute/arena.h"
#include "dist/rank_sums.h"
#include "model/mlm_network.h"
#include "train/arena_shares.h"

namespace tekio {

/// The largest update that a GradientSum must hold.
struct GradientSumLimits {
  int64_t micro_batches = 1;  ///< of all ranks
  int64_t own = 1;            ///< of one
  int64_t tokens = 0;         ///< of all ranks' together
};

/// Who gets an update's gradients: all ranks; or each only its share of them (ArenaShares), for half the bytes.
enum class SumGoes { to_all, to_shares };

class GradientSum {
 public:
  /// `network` and `sums`, which are of numbers in its back end's memory, must outlive this. What sums take beside the
  /// network's gradients is allocated here.
  GradientSum(MlmNetwork& network, RankSums& sums, const GradientSumLimits& limits, Wire wire = Wire::f32,
              SumGoes goes = SumGoes::to_all);
  static void add_to(MemoryPlan& plan, const ModelConfig& config, const GradientSumLimits& limits);

  struct Update {
    int64_t micro_batches = 1;            ///< of all ranks; the others are this rank's alone
    int64_t own = 1;                      ///< may be none
    int givers = 1;                       ///< the ranks that have any: the first ones
    std::vector<int32_t> looked_up = {};  ///< distinct_ids() of all micro_batches; not looked at where that is 1
  };
  void begin(Update update);
  /// The next of this rank's micro-batches, as MlmNetwork::backward().
  void add(const Batch& batch, const StepRandom& random, float scale, Tensor loss);
  /// After all of them, on every rank. network.gradients() then has the update's, or its share; the rest is undefined.
  void end();

  /// Of the last update: numbers that this rank exchanged, and for how long end() waited for that to be done. The rest
  /// of the exchange was hidden behind backward.
  struct Exchanged {
    int64_t numbers = 0;
    double waited_seconds = 0;
  };
  const Exchanged& exchanged() const { return exchanged_; }

  /// The ids in use, ascending.
  static std::vector<int32_t> distinct_ids(std::span<const Batch* const> batches);

 private:
  /// The sum of some micro-batches, but for what is looked up of the word table, which stands apart.
  struct Node {
    std::unique_ptr<ParameterSet> gradients;
    Arena looked_up;
  };
  bool is_apart() const { return update_.micro_batches > 1; }
  Tensor looked_up(const Arena& arena) const;
  void fold(ArenaRange range);
  void exchange(ArenaRange range);
  void finish_looked_up();
  void exchange(Tensor numbers, const Parts* parts);
  void carry();

  MlmNetwork& network_;
  RankSums& sums_;
  Wire wire_;
  std::optional<ArenaShares> shares_;  ///< where the sum goes to them
  int64_t most_rows_;
  std::vector<Node> levels_;  ///< level k: of 2^k micro-batches, if bit k of done_ is set
  Arena looked_up_;           ///< of the micro-batch at hand, beside the network's gradients
  Update update_;
  int64_t done_ = 0;
  Exchanged exchanged_;
};

}  // namespace tekio
