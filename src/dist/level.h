// One level of a sum: some ranks, each of which owns pieces. All give their numbers of a piece to its owner, who adds
// them in the tree's order; and the owner spreads what becomes of the piece to all.
#pragma once

#include <deque>
#include <map>
#include <span>

#include "compute/bf16.h"
#include "dist/operation.h"
#include "dist/sum_pieces.h"
#include "dist/workshop.h"

namespace tekio {

/// What has become of each piece on this rank, by id; levels tell each other by it.
struct PieceStates {
  explicit PieceStates(size_t ids) : may_be_given(ids, false), is_final(ids, false) {}
  std::vector<bool> may_be_given;  ///< to the level above: added on the level below
  std::vector<bool> is_final;
};

class Level final : public Correspondent {
 public:
  struct Request {
    std::vector<int> ranks;                         // in the tree's order
    int own;                                        // this rank's place among them
    int givers;                                     // the first of them, who have numbers to add
    std::vector<std::vector<SumPieces::Id>> owned;  // the pieces of each, in the order in which they are worked on
    bool is_lowest, is_highest;
    bool adds, spreads;
    Wire given, sum;  // what numbers are given as; what the sum is rounded to, and spread as
  };

  Level(Request request, std::span<float> numbers, const SumPieces& pieces, PieceStates& states, Mailbox& mailbox,
        Workshop& workshop, Windows& windows, int tag);

  void advance(LevelTurn& turn);
  bool is_complete() const { return gave_ && collected_ && slots_.empty() && spread_ && took_ && under_way_ == 0; }
  /// A rank whose message is awaited; -1: none.
  int missing_rank() const;
  void done(uint64_t label, size_t bytes) override;

 private:
  enum class Phase : uint64_t { give, collect, spread, take };
  // A walk over the pieces of all other ranks of the level, or over the own pieces for each of the others.
  struct Walk {
    size_t piece = 0, step = 1;
    void go_on(size_t ranks) {
      if (++step < ranks) return;
      step = 1;
      ++piece;
    }
  };
  // An own piece that is collected.
  struct Slot {
    std::vector<Workshop::Buffer> parts;  // by giver; empty for the own rank
    int missing = 0;
  };
  struct Packed {
    Workshop::Buffer buffer;
    int users = 0;
  };

  size_t size() const { return request_.ranks.size(); }
  size_t own() const { return static_cast<size_t>(request_.own); }
  const std::vector<SumPieces::Id>& own_pieces() const { return request_.owned[own()]; }
  bool is_giver() const { return request_.own < request_.givers; }
  float* numbers(const SumPieces::Range& range) const { return numbers_.data() + range.begin; }
  size_t collected_bytes(const SumPieces::Range& range) const;

  void drain(bool& open, bool& finished, bool (Level::*next)());
  bool give_next();
  bool collect_next();
  bool spread_next();
  bool take_next();
  void add_collected();
  void add(const Slot& slot, const SumPieces::Range& range);
  void add_narrow(const Slot& slot, const SumPieces::Range& range);
  std::span<std::byte> packed(uint64_t label, const SumPieces::Range& range, Wire wire);
  void release(uint64_t label);
  void send(Phase phase, size_t to, SumPieces::Id id, Wire wire);

  const Request request_;
  const std::span<float> numbers_;
  const SumPieces& pieces_;
  PieceStates& states_;
  Mailbox& mailbox_;
  Workshop& workshop_;
  Windows& windows_;
  const int tag_;

  size_t most_owned_ = 0;
  // What all messages were begun of.
  bool gave_ = false, collected_ = false, spread_ = false, took_ = false;
  Walk giving_, spreading_, taking_;
  size_t collecting_ = 0, added_ = 0;  // own pieces
  std::deque<Slot> slots_;             // the own pieces [added_, collecting_)
  std::vector<bool> has_left_;         // pieces that were given: their memory may take what becomes of them
  std::map<uint64_t, Packed> packed_;  // bf16 on its way, by label
  size_t under_way_ = 0;               // messages
  std::vector<int> awaited_;           // messages that are to come, by place
};

}  // namespace tekio
