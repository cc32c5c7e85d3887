#include "base/few_at_a_time.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

namespace tekio {
namespace {

/// What the threads share.
struct Round {
  const size_t count;
  const std::function<NumberedWork()>& make_worker;
  std::mutex mutex;  // of what follows
  size_t next = 0;
  size_t failed = std::numeric_limits<size_t>::max();
  std::exception_ptr error = nullptr;

  void fail(size_t i) {
    const std::lock_guard lock(mutex);
    if (i < failed) failed = i, error = std::current_exception();
  }
  /// The next one's number; `count` where there is none.
  size_t take() {
    const std::lock_guard lock(mutex);
    return error || next == count ? count : next++;
  }
  void work() {
    NumberedWork worker;
    try {
      worker = make_worker();
    } catch (...) {
      return fail(count);
    }
    for (size_t i = take(); i < count; i = take()) {
      try {
        worker(i);
      } catch (...) {
        fail(i);
      }
    }
  }
};

}  // namespace

void few_at_a_time(size_t count, size_t most, const std::function<NumberedWork()>& make_worker) {
  Round round{count, make_worker, {}};
  {
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < std::min(count, most); ++i) threads.emplace_back([&] { round.work(); });
    if (count > 0) round.work();
  }
  if (round.error) std::rethrow_exception(round.error);
}

}  // namespace tekio
