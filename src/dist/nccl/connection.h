// A rank's part of NCCL's communicator, which does not block: every call of it returns at once, and what it was asked
// for is waited for by looking. Nothing waits without an end: whoever waits here asks the ranks' pulse as well; and
// since a call of CUDA's may wait for all that the GPU does, sums that a missing rank holds up included (to give memory
// back is one), a thread beside asks it too, and ends what is under way.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/stopwatch.h"
#include "dist/communicator.h"
#include "dist/nccl/nccl.h"

namespace tekio::nccl {

/// What NCCL answered that is no success; or that it did not answer in time, as where another rank failed.
struct Failure {
  Result result;
  std::string text;
  bool is_silence = false;
};
/// It has ended: the ranks' check() tells why, if they miss one.
struct Ended {};

/// Looks again and again, at first at once, then after pauses that nobody feels.
class Patience {
 public:
  void pause();
  double seconds() const { return watch_.seconds(); }

 private:
  int looks_ = 0;
  Stopwatch watch_;
};

/// Its functions are one thread's, but for abort(). Errors of all that wait: Failure, Ended, comms (a rank is missing).
class Connection {
 public:
  /// `ranks` must outlive it.
  explicit Connection(const Communicator& ranks) : ranks_(ranks) {}
  ~Connection() { abort(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Together with all ranks.
  void open(const UniqueId& id);
  /// In order, once nothing is under way.
  void close();
  /// Ends it, and what is under way: what a GPU still does of that comes to its end soon. From any thread.
  void abort() noexcept;
  bool is_open() const;

  /// From now on, seconds that anything may take; 0: as long as all ranks live.
  void set_limit(double seconds) { limit_ = seconds; }

  /// What `body`, called with the communicator, sends and receives, all at once. When this returns it is queued.
  template <typename Body>
  void group(const Body& body) {
    {
      const std::lock_guard lock(mutex_);
      const Comm comm = opened();
      check(functions().group_start(), "ncclGroupStart");
      try {
        body(comm);
      } catch (...) {
        functions().group_end();
        throw;
      }
      check(functions().group_end(), "ncclGroupEnd");
    }
    settle("ncclGroupEnd");
  }
  /// Throws unless `result` is that of a call which goes well. Within group().
  void check(Result result, const char* call) const;
  /// Until NCCL has done what it was asked for: no other of its functions may be called before.
  void settle(const char* call) {
    look_until(call, [] { return true; });
  }
  /// Until `has_come()` as well.
  template <typename HasCome>
  void look_until(const char* what, const HasCome& has_come) {
    for (Patience patience; is_in_progress(what) || !has_come(); patience.pause()) be_patient(what, patience);
  }

 private:
  Comm opened() const {
    if (comm_ == nullptr) throw Ended();
    return comm_;
  }
  bool is_in_progress(const char* call) const;
  void be_patient(const char* what, const Patience& patience) const;
  void watch(const std::stop_token& stop);

  const Communicator& ranks_;
  mutable std::mutex mutex_;  // held for as long as a call of NCCL's is under way
  Comm comm_ = nullptr;
  double limit_ = 0;
  std::condition_variable_any pause_;
  std::jthread watch_;
};

}  // namespace tekio::nccl
