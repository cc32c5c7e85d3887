// What all ranks do together, in pieces of work that none of them waits for.
#pragma once

#include "dist/mailbox.h"

namespace tekio {

/// Which resources an operation may still take: those that an earlier one waits for are closed to later ones, so that
/// the earliest operation always finds what it needs, on every rank, and goes on.
struct LevelTurn {
  bool give = true, collect = true, spread = true, take = true;
};
struct Turn {
  LevelTurn levels[2];
};

class Operation {
 public:
  virtual ~Operation() = default;
  /// Begins what can be begun; called again and again until it is complete.
  virtual void advance(Turn& turn) = 0;
  virtual bool is_complete() const = 0;
  /// A rank of those whose messages are still missing; -1 where there is none.
  virtual int missing_rank() const = 0;
};

}  // namespace tekio
