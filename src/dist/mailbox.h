// A transport's messages, each handed back to whoever began it, and when each rank was last heard of.
#pragma once

#include <chrono>

#include "dist/transport.h"

namespace tekio {

/// Whoever sends and receives. Must outlive its messages.
class Correspondent {
 public:
  virtual ~Correspondent() = default;
  /// The message that was begun under `label` is done.
  virtual void done(uint64_t label, size_t bytes) = 0;
};

class Mailbox {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Mailbox(Transport& transport);

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// The rank `steps` further round the ring of all ranks; `steps` from -size() on.
  int neighbour(int steps) const { return (rank_ + steps + size_) % size_; }

  void send(Correspondent& whose, uint64_t label, int to, int tag, std::span<const std::byte> bytes);
  void receive(Correspondent& whose, uint64_t label, int from, int tag, std::span<std::byte> room);
  /// Hands back what is done; says how much that was.
  size_t poll(Clock::time_point now);
  /// When the last message of a rank was received whole.
  Clock::time_point heard_of(int rank) const { return heard_[static_cast<size_t>(rank)]; }

 private:
  struct Entry {
    Correspondent* whose = nullptr;
    uint64_t label = 0;
    int from = Transport::kAnyRank;  // of what is received
  };
  uint64_t enter(const Entry& entry);

  Transport& transport_;
  const int rank_, size_;
  std::vector<Entry> entries_;
  std::vector<uint64_t> free_;
  std::vector<Transport::Done> done_;
  std::vector<Clock::time_point> heard_;
};

}  // namespace tekio
