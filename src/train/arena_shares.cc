#include "train/arena_shares.h"

#include <algorithm>

#include "compute/operands.h"

namespace tekio {
namespace {

// Long runs are worked on by many threads at once, short ones are shared out more evenly: about sixteen a rank.
int64_t blocks_of_a_run(int64_t blocks, int ranks) { return std::clamp<int64_t>(blocks / (16 * ranks), 1, 16); }

}  // namespace

ArenaShares::ArenaShares(const ModelConfig& config, int ranks)
    : ranks_(ranks),
      count_(ParameterSet::flat_count(config)),
      run_(ranks == 1 ? std::max<int64_t>(count_, 1) : kNormBlock * blocks_of_a_run(count_ / kNormBlock, ranks)) {}

std::vector<ArenaShares::Run> ArenaShares::runs(ArenaRange range) const {
  std::vector<Run> runs;
  for (int64_t begin = range.begin; begin < range.end;) {
    const int64_t number = begin / run_, end = std::min((number + 1) * run_, range.end);
    runs.push_back({begin, end, static_cast<int>(number % ranks_)});
    begin = end;
  }
  return runs;
}

Parts ArenaShares::parts(ArenaRange range) const {
  Parts parts;
  for (const Run& run : runs(range)) parts.push_back({static_cast<size_t>(run.end - range.begin), run.rank});
  return parts;
}

int64_t ArenaShares::count_of(int rank) const {
  int64_t count = 0;
  for (const Run& run : runs()) count += run.rank == rank ? run.size() : 0;
  return count;
}

int64_t ArenaShares::place_of(int64_t number) const { return number / run_ / ranks_ * run_ + number % run_; }

}  // namespace tekio
