// A fixed pool of threads for loops over ranges. Which range a worker takes never changes what is computed: callers cut
// work into blocks whose borders do not depend on the number of threads, so results are the same with 1 and with N.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace tekio {

class ThreadPool {
 public:
  /// `threads` in all, the calling one included; 0 means the number of processors that this process may use.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  /// Calls body(i, worker) for every i in [0, count), in any order, worker in [0, threads()); returns when all are
  /// done. The first exception thrown by a body is thrown here, and what an Interruptible of the calling thread throws.
  /// Not to be nested.
  void for_each(int64_t count, const std::function<void(int64_t i, int worker)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Processors that this process may run on (its affinity mask and the control group's quota, at least 1).
int available_processors();

}  // namespace tekio
