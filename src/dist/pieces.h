// How the numbers of a sum are cut: by shares, and each share into pieces.
#pragma once

#include <algorithm>
#include <vector>

#include "dist/communicator.h"

namespace tekio {

class Pieces {
 public:
  using Id = size_t;  ///< share and number of a piece in one
  struct Range {
    size_t begin, count;
  };

  Pieces(size_t numbers, int ranks, size_t numbers_of_a_piece) : size_(numbers_of_a_piece) {
    for (int rank = 0; rank < ranks; ++rank) {
      shares_.push_back(share_of(numbers, rank, ranks));
      most_ = std::max(most_, of_share(rank));
    }
  }

  size_t of_share(int share) const {
    const Share& own = shares_[static_cast<size_t>(share)];
    return (own.end - own.begin + size_ - 1) / size_;
  }
  /// Of the share that has most.
  size_t most() const { return most_; }
  /// Ids are below this.
  size_t ids() const { return shares_.size() * most_; }
  Id id(int share, size_t number) const { return static_cast<size_t>(share) * most_ + number; }
  Range range(Id id) const {
    const Share& own = shares_[id / most_];
    const size_t begin = own.begin + id % most_ * size_;
    return {begin, std::min(size_, own.end - begin)};
  }

 private:
  const size_t size_;
  std::vector<Share> shares_;
  size_t most_ = 0;
};

}  // namespace tekio
