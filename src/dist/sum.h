// Sums over ranks by shares: each rank gives its numbers of a share to the share's owner, who adds them in the tree's
// order and spreads the sum. Both halves move what a sum must move at least, 2 (N - 1) / N of the numbers into and out
// of each rank, in two hops, whatever the number of ranks; the price are 2 (N - 1) messages.
//
// Shares are cut into pieces, so that adding goes on beside receiving, memory is bounded, and the others hear between
// two pieces that a rank lives.
#pragma once

#include <deque>
#include <map>

#include "compute/bf16.h"
#include "dist/communicator.h"
#include "dist/operation.h"
#include "dist/workshop.h"

namespace tekio {

class Sum final : public Operation {
 public:
  enum class Kind { sum, shared_sum, exchange_of_shares };
  struct Request {
    Kind kind;
    std::span<float> numbers;
    int givers;
    Wire wire;
  };

  /// Takes the tags `tag` and `tag` + 1.
  Sum(const Request& request, Mailbox& mailbox, Workshop& workshop, int tag);

  void advance(Turn& turn) override;
  bool is_complete() const override;
  int missing_rank() const override;
  void done(uint64_t label, size_t bytes) override;

 private:
  enum class Phase : uint64_t { give, collect, spread, take };
  struct Range {
    size_t begin, count;
  };
  // A walk over pieces and, for each, over the other ranks.
  struct Walk {
    size_t piece = 0;
    int step = 1;
    void go_on(int ranks) {
      if (++step < ranks) return;
      step = 1;
      ++piece;
    }
  };
  // A piece of the own share that is collected.
  struct Slot {
    std::vector<Workshop::Buffer> parts;  // by giver; empty for the own rank
    int missing = 0;
  };

  size_t pieces_of(int owner) const;
  Range piece(int owner, size_t number) const;
  Range own_piece(size_t number) const { return piece(mailbox_.rank(), number); }
  bool is_giver() const { return mailbox_.rank() < request_.givers; }
  bool is_narrow() const { return request_.wire == Wire::bf16; }
  size_t wire_bytes(const Range& range) const { return range.count * (is_narrow() ? sizeof(bf16) : sizeof(float)); }
  float* numbers(const Range& range) const { return request_.numbers.data() + range.begin; }
  size_t collected_bytes(const Range& range) const;
  size_t ready_to_spread() const;

  void drain(bool& open, bool& finished, bool (Sum::*next)());
  bool give_next();
  bool collect_next();
  bool spread_next();
  bool take_next();
  void add_collected();
  void add(const Slot& slot, const Range& range);
  void add_narrow(const Slot& slot, const Range& range);
  std::span<std::byte> packed(uint64_t key, const Range& range);
  void unpack(uint64_t key);

  Mailbox& mailbox_;
  Workshop& workshop_;
  const int tag_;
  const Request request_;
  std::vector<Share> shares_;
  size_t most_pieces_ = 0;

  // What all messages were begun of.
  bool gave_ = false, collected_ = false, spread_ = false, took_ = false;
  Walk giving_, spreading_, taking_;
  size_t collecting_ = 0, summed_ = 0;  // pieces of the own share
  std::deque<Slot> slots_;              // the pieces [summed_, collecting_)
  std::vector<bool> has_left_;          // pieces that were given: their memory may take the sum
  struct Packed {
    Workshop::Buffer buffer;
    int users = 0;
  };
  std::map<uint64_t, Packed> packed_;  // bf16 on its way, by label
  size_t under_way_ = 0;               // messages
  std::vector<int> awaited_;           // messages that are to come, by rank
};

}  // namespace tekio
