#include "dist/sum.h"

#include "base/error.h"

namespace tekio {
namespace {

constexpr int kManyMachines = 64;  // ranks that are alone on their machines, and yet summed by groups

}  // namespace

void Sum::Request::check(int ranks) const {
  TEKIO_CHECK(givers >= 1 && givers <= ranks, "{} givers", givers);
  size_t end = 0;
  for (const Part& part : parts) {
    TEKIO_CHECK(part.end >= end && part.rank >= 0 && part.rank < ranks, "a part up to {} of rank {}", part.end,
                part.rank);
    end = part.end;
  }
  TEKIO_CHECK(end == numbers.size(), "parts of {} numbers, {} are given", end, numbers.size());
}

Sum::Sum(const Request& request, int group, Mailbox& mailbox, Workshop& workshop, int tag)
    : rank_(mailbox.rank()),
      size_(mailbox.size()),
      pieces_(request.parts, size_, workshop.piece_numbers()),
      states_(pieces_.ids()) {
  if (size_ == 1) return;
  if (request.kind == Kind::exchange_of_shares)
    for (size_t number = 0; number < pieces_.of_share(rank_); ++number)
      states_.is_final[pieces_.id(rank_, number)] = true;
  if (group > 1)
    levels_.emplace_back(within_group(request, group), request.numbers, pieces_, states_, mailbox, workshop,
                         workshop.windows[0], tag);
  levels_.emplace_back(across_groups(request, group), request.numbers, pieces_, states_, mailbox, workshop,
                       workshop.windows[1], tag);
}

// All pieces of some shares, the first ones of each first.
std::vector<SumPieces::Id> Sum::pieces_of(const std::vector<int>& shares) const {
  std::vector<SumPieces::Id> all;
  for (size_t number = 0; number < pieces_.most(); ++number)
    for (const int share : shares)
      if (number < pieces_.of_share(share)) all.push_back(pieces_.id(share, number));
  return all;
}

// Place i owns the shares of place i in all groups.
Level::Request Sum::within_group(const Request& request, int group) const {
  const int first = rank_ / group * group;
  Level::Request level{.own = rank_ - first,
                       .givers = std::clamp(request.givers - first, 0, group),
                       .is_lowest = true,
                       .is_highest = false,
                       .adds = request.kind != Kind::exchange_of_shares,
                       .spreads = request.kind != Kind::shared_sum,
                       .given = request.wire,
                       .sum = request.wire};
  for (int place = 0; place < group; ++place) {
    level.ranks.push_back(first + place);
    std::vector<int> shares;
    for (int share = place; share < size_; share += group) shares.push_back(share);
    level.owned.push_back(pieces_of(shares));
  }
  return level;
}

// The ranks of this one's place in all groups; each owns its share. Between two levels sums are not rounded.
Level::Request Sum::across_groups(const Request& request, int group) const {
  Level::Request level{.own = rank_ / group,
                       .givers = (request.givers + group - 1) / group,
                       .is_lowest = group == 1,
                       .is_highest = true,
                       .adds = request.kind != Kind::exchange_of_shares,
                       .spreads = request.kind != Kind::shared_sum,
                       .given = group == 1 ? request.wire : Wire::f32,
                       .sum = request.wire};
  for (int rank = rank_ % group; rank < size_; rank += group) {
    level.ranks.push_back(rank);
    level.owned.push_back(pieces_of({rank}));
  }
  return level;
}

void Sum::advance(Turn& turn) {
  for (size_t i = 0; i < levels_.size(); ++i) levels_[i].advance(turn.levels[levels_.size() == 2 ? i : 1]);
}

bool Sum::is_complete() const {
  return std::ranges::all_of(levels_, [](const Level& level) { return level.is_complete(); });
}

int Sum::missing_rank() const {
  for (const Level& level : levels_)
    if (const int rank = level.missing_rank(); rank >= 0) return rank;
  return -1;
}

int64_t exchange_bytes(int64_t gradient_bytes, RankCount ranks, Wire wire) {
  if (ranks.all == 1) return 0;
  // float32 lies where it is summed; what others give to this rank does not, and bf16 is packed on every way.
  const size_t level = wire == Wire::bf16 ? Windows::kAll : Windows::kCollected;
  const bool has_two_levels = ranks.here > 1 ? ranks.here < ranks.all : ranks.all >= kManyMachines;
  return (has_two_levels ? 2 : 1) *
         std::min(static_cast<int64_t>(level), (wire == Wire::bf16 ? 2 : 1) * gradient_bytes);
}

int group_of_ranks(const std::vector<std::string>& machines) {
  const auto size = static_cast<int>(machines.size());
  const auto share_machines = [&](int group) {
    for (int rank = 0; rank < size; ++rank)
      if (machines[static_cast<size_t>(rank)] != machines[static_cast<size_t>(rank / group * group)]) return false;
    return true;
  };
  int of_machine = 1, of_many = 1;
  for (int group = 2; size % group == 0; group *= 2) {
    if (share_machines(group)) of_machine = group;
    if (group * group <= size) of_many = group;
  }
  if (of_machine == size) return 1;  // all on one
  return of_machine == 1 && size >= kManyMachines ? of_many : of_machine;
}

}  // namespace tekio
