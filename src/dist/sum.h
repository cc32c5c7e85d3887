// Sums over ranks by shares: each has its parts of the numbers. All give their numbers of a part to its owner, who adds
// them in the tree's order and spreads the sum: directly, or over a level between, where groups of neighbouring ranks
// (those on one machine) add their own first. A group is an aligned block of 2^n ranks, a whole subtree, so both ways
// give the same bits. Either moves what a sum must move at least, 2 (N - 1) / N of the numbers into and out of each
// rank; with groups of k ranks, what leaves a machine is a k-th, and messages are 2 (k - 1 + N / k - 1) instead of 2 (N
// - 1).
#pragma once

#include "dist/level.h"

namespace tekio {

class Sum final : public Operation {
 public:
  enum class Kind { sum, shared_sum, exchange_of_shares };
  struct Request {
    Kind kind;
    std::span<float> numbers;
    Parts parts;
    int givers;
    Wire wire;
    /// A bug where this is no sum of so many ranks.
    void check(int ranks) const;
  };

  /// `group`: a power of two that divides the number of ranks. Takes the tags `tag` and `tag` + 1.
  Sum(const Request& request, int group, Mailbox& mailbox, Workshop& workshop, int tag);

  void advance(Turn& turn) override;
  bool is_complete() const override;
  int missing_rank() const override;

 private:
  Level::Request within_group(const Request& request, int group) const;
  Level::Request across_groups(const Request& request, int group) const;
  std::vector<SumPieces::Id> pieces_of(const std::vector<int>& shares) const;

  const int rank_, size_;
  const SumPieces pieces_;
  PieceStates states_;
  std::deque<Level> levels_;  // the lowest first
};

/// The groups to sum by where rank i is on machines[i]: of those on one machine; of about as many as there are groups
/// where many ranks are alone on theirs; 1 where there is nothing to gain.
int group_of_ranks(const std::vector<std::string>& machines);

}  // namespace tekio
