// Ranks within one process: a thread each, which meet at a switchboard in memory instead of MPI. The engine above is
// the program's own.
//
//   run_ranks(4, [](Communicator& ranks) { … });
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <tekio/error.h>

#include "dist/engine.h"

namespace tekio::test {

/// Where the messages of all ranks lie. Short ones are copied and done at once, longer ones when they are received, as
/// MPI has it.
class Switchboard {
 public:
  /// The first `ranks_per_machine` ranks count as being on one machine, the next as being on another, …
  explicit Switchboard(int size, int ranks_per_machine = 0)
      : desks_(static_cast<size_t>(size)), ranks_per_machine_(ranks_per_machine) {}
  std::string machine_of(int rank) const {
    return ranks_per_machine_ == 0 ? "" : std::to_string(rank / ranks_per_machine_);
  }
  int size() const { return static_cast<int>(desks_.size()); }
  /// By all ranks so far.
  uint64_t bytes_sent() const { return bytes_sent_; }

  // Faults, from any thread.
  void cut_off(int rank) { desk(rank).is_cut_off = true; }       ///< nothing reaches it or comes from it
  void hold(int rank, bool held) { desk(rank).is_held = held; }  ///< its calls do not return
  /// Messages arrive after a random time of up to so many microseconds.
  void delay_randomly(int microseconds) { delay_ = microseconds; }

  void send(int from, int to, int tag, std::span<const std::byte> bytes, uint64_t ticket) {
    pass(from);
    bytes_sent_ += bytes.size();
    const std::lock_guard lock(mutex_);
    if (desk(from).is_cut_off || desk(to).is_cut_off || desk(to).is_gone) return;
    Letter letter{from, tag, bytes, {}, ticket, bytes.size() <= kEagerBytes, Clock::now()};
    if (const int most = delay_; most > 0)
      letter.arrives += std::chrono::microseconds(random_() % static_cast<unsigned>(most));
    if (letter.is_eager) {
      letter.copy.assign(bytes.begin(), bytes.end());
      desk(from).done.push_back({ticket, 0});
    }
    desk(to).letters.push_back(std::move(letter));
  }

  void receive(int at, int from, int tag, std::span<std::byte> room, uint64_t ticket) {
    pass(at);
    const std::lock_guard lock(mutex_);
    desk(at).wanted.push_back({from, tag, room, ticket});
  }

  void poll(int at, std::vector<Transport::Done>& done) {
    pass(at);
    const std::lock_guard lock(mutex_);
    Desk& own = desk(at);
    std::vector<bool> blocked(desks_.size(), false);  // ranks with a letter that has not arrived yet: order is kept
    const auto now = Clock::now();
    for (auto letter = own.letters.begin(); letter != own.letters.end();) {
      if (letter->arrives > now) blocked[static_cast<size_t>(letter->from)] = true;
      const auto wanted = std::ranges::find_if(own.wanted, [&](const Wanted& one) {
        return one.tag == letter->tag && (one.from == letter->from || one.from == Transport::kAnyRank);
      });
      if (blocked[static_cast<size_t>(letter->from)] || wanted == own.wanted.end()) {
        ++letter;
        continue;
      }
      deliver(*letter, *wanted, own);
      own.wanted.erase(wanted);
      letter = own.letters.erase(letter);
    }
    done.insert(done.end(), own.done.begin(), own.done.end());
    own.done.clear();
  }

  /// Instead of ending a process: what codes ranks would have ended all with.
  void abort(int rank, int code) {
    const std::lock_guard lock(mutex_);
    aborts_.emplace_back(rank, code);
  }
  std::vector<std::pair<int, int>> aborts() {
    const std::lock_guard lock(mutex_);
    return aborts_;
  }

  /// The rank makes no further call; its memory is not touched any more.
  void go(int rank) {
    const std::lock_guard lock(mutex_);
    desk(rank).is_gone = true;
    desk(rank).wanted.clear();
    for (Desk& other : desks_)
      std::erase_if(other.letters, [&](const Letter& one) { return one.from == rank && !one.is_eager; });
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kEagerBytes = 4096;

  struct Letter {
    int from, tag;
    std::span<const std::byte> bytes;
    std::vector<std::byte> copy;
    uint64_t ticket;
    bool is_eager;
    Clock::time_point arrives;
  };
  struct Wanted {
    int from, tag;
    std::span<std::byte> room;
    uint64_t ticket;
  };
  struct Desk {
    std::list<Letter> letters;
    std::list<Wanted> wanted;
    std::vector<Transport::Done> done;
    std::atomic<bool> is_cut_off{false}, is_held{false};
    bool is_gone = false;
  };

  Desk& desk(int rank) { return desks_[static_cast<size_t>(rank)]; }
  void pass(int rank) {
    while (desk(rank).is_held) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void deliver(const Letter& letter, const Wanted& wanted, Desk& own) {
    const std::span<const std::byte> bytes = letter.is_eager ? std::span(letter.copy) : letter.bytes;
    std::memcpy(wanted.room.data(), bytes.data(), std::min(bytes.size(), wanted.room.size()));
    own.done.push_back({wanted.ticket, bytes.size()});
    if (!letter.is_eager) desk(letter.from).done.push_back({letter.ticket, 0});
  }

  std::mutex mutex_;
  std::deque<Desk> desks_;
  const int ranks_per_machine_;
  std::atomic<int> delay_{0};
  std::atomic<uint64_t> bytes_sent_{0};
  std::mt19937 random_{17};
  std::vector<std::pair<int, int>> aborts_;
};

class LocalTransport final : public Transport {
 public:
  LocalTransport(Switchboard& board, int rank) : board_(board), rank_(rank) {}
  ~LocalTransport() override { board_.go(rank_); }
  int rank() const override { return rank_; }
  int size() const override { return board_.size(); }
  std::string machine() const override { return board_.machine_of(rank_); }
  void send(int to, int tag, std::span<const std::byte> bytes, uint64_t ticket) override {
    board_.send(rank_, to, tag, bytes, ticket);
  }
  void receive(int from, int tag, std::span<std::byte> room, uint64_t ticket) override {
    board_.receive(rank_, from, tag, room, ticket);
  }
  void poll(std::vector<Done>& done) override { board_.poll(rank_, done); }
  void finish() override {}
  void leave() override { board_.go(rank_); }
  void abort(int code) override { board_.abort(rank_, code); }

 private:
  Switchboard& board_;
  const int rank_;
};

/// What ranks told the user of the end, and what each of them knows of that.
struct SaidByRanks {
  std::vector<std::string> to_user, known;
};
/// What each rank's body threw; empty: nothing. A rank whose body throws leaves, as the program does.
inline std::vector<std::string> errors_of_ranks(Switchboard& board, const std::function<void(Communicator&)>& body,
                                                const Limits& limits = {}, SaidByRanks* said = nullptr) {
  std::vector<std::string> errors(static_cast<size_t>(board.size()));
  std::vector<std::thread> threads;
  std::mutex mutex;
  Say say;
  if (said != nullptr) {
    said->known.resize(errors.size());
    say = [&](const std::string& why) {
      const std::lock_guard lock(mutex);
      said->to_user.push_back(why);
    };
  }
  for (int rank = 0; rank < board.size(); ++rank)
    threads.emplace_back([&, rank] {
      std::string& error = errors[static_cast<size_t>(rank)];
      try {
        const auto ranks =
            make_communicator([&board, rank] { return std::make_unique<LocalTransport>(board, rank); }, limits, say);
        try {
          body(*ranks);
        } catch (const std::exception& thrown) {
          error = thrown.what();
          ranks->leave(error);
          if (said != nullptr) said->known[static_cast<size_t>(rank)] = ranks->said();
        }
      } catch (const std::exception& thrown) {
        error = thrown.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

/// Runs body on `size` ranks at once. Throws the first rank's error that is no consequence of another rank's.
inline void run_ranks(int size, const std::function<void(Communicator&)>& body, const Limits& limits = {},
                      int ranks_per_machine = 0) {
  Switchboard board(size, ranks_per_machine);
  std::vector<std::exception_ptr> thrown(static_cast<size_t>(size));
  const auto errors = errors_of_ranks(
      board,
      [&](Communicator& ranks) {
        try {
          body(ranks);
        } catch (...) {
          thrown[static_cast<size_t>(ranks.rank())] = std::current_exception();
          throw;
        }
      },
      limits);
  std::exception_ptr first;
  for (const std::exception_ptr& one : thrown) {
    if (!one) continue;
    if (!first) first = one;
    try {
      std::rethrow_exception(one);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::comms) continue;
      throw;
    }
  }
  if (first) std::rethrow_exception(first);
  for (const std::string& error : errors)
    if (!error.empty()) throw std::runtime_error(error);
}

}  // namespace tekio::test
