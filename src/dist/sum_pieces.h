// How the numbers of a sum are cut: by the ranks that own them, and each part into pieces.
#pragma once

#include <algorithm>
#include <vector>

#include "dist/communicator.h"

namespace tekio {

class SumPieces {
 public:
  using Id = size_t;  ///< share and number of a piece in one
  struct Range {
    size_t begin, count;
  };

  /// A share is what a rank has: all its parts.
  SumPieces(const Parts& parts, int ranks, size_t numbers_of_a_piece) : shares_(static_cast<size_t>(ranks)) {
    size_t begin = 0;
    for (const Part& part : parts) {
      std::vector<Range>& share = shares_[static_cast<size_t>(part.rank)];
      for (; begin < part.end; begin += share.back().count)
        share.push_back({begin, std::min(numbers_of_a_piece, part.end - begin)});
      most_ = std::max(most_, share.size());
    }
  }

  size_t of_share(int share) const { return shares_[static_cast<size_t>(share)].size(); }
  /// Of the share that has most.
  size_t most() const { return most_; }
  /// Ids are below this.
  size_t ids() const { return shares_.size() * most_; }
  Id id(int share, size_t number) const { return static_cast<size_t>(share) * most_ + number; }
  Range range(Id id) const { return shares_[id / most_][id % most_]; }

 private:
  std::vector<std::vector<Range>> shares_;
  size_t most_ = 0;
};

}  // namespace tekio
