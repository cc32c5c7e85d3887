// Which rank has which part of a parameter set's arena, where ranks share an optimizer's work. Parts are runs of whole
// blocks of the gradients' norm, dealt out in turn, so that whatever range of gradients becomes final, each rank has
// about its share of it.
#pragma once

#include <cstdint>
#include <vector>

#include "dist/communicator.h"
#include "model/weights.h"

namespace tekio {

class ArenaShares {
 public:
  ArenaShares(const ModelConfig& config, int ranks);
  int ranks() const { return ranks_; }
  /// Numbers of the whole arena.
  int64_t count() const { return count_; }

  struct Run {
    int64_t begin, end;
    int rank;
    int64_t size() const { return end - begin; }
  };
  /// The runs of a range of the arena, in order; those at its ends may be cut.
  std::vector<Run> runs(ArenaRange range) const;
  std::vector<Run> runs() const { return runs({0, count_}); }
  /// The same for communicators.
  Parts parts(ArenaRange range) const;
  /// Numbers that a rank has, and how many of them lie before one of its own.
  int64_t count_of(int rank) const;
  int64_t place_of(int64_t number) const;

 private:
  int ranks_;
  int64_t count_, run_;  ///< numbers of the arena and of a run
};

}  // namespace tekio
