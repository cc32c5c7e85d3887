// Workers spin briefly for the next loop (a training step is hundreds of short loops), then sleep.
#include "base/thread_pool.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/interruption.h"
#include "base/no_signals.h"

namespace tekio {

// A loop ends when all its items are done, not when all workers have looked at it: on a busy machine a worker may be
// away for a whole time slice, and the others need not wait for it. A worker that comes late must not take an item of
// the next loop for one of its own: so the number of the loop and the next item are one word, which is moved on by
// comparing all of it.
struct ThreadPool::State {
  static constexpr int kSpins = 4000;              // some 50 microseconds: the pause between two loops of a step
  static constexpr uint64_t kClosed = 0xFFFFFFFF;  // instead of an item: the loop is being set up

  const pid_t process = ::getpid();
  std::vector<std::thread> workers;
  std::atomic<uint64_t> ticket{kClosed};  // the loop's number << 32 | its next item
  std::atomic<int64_t> count{0}, done{0};
  std::atomic<const std::function<void(int64_t, int)>*> body{nullptr};
  std::atomic<uint32_t> loop{0};  // what workers sleep on
  std::atomic<bool> stop{false}, failed{false};
  std::mutex mutex;
  std::exception_ptr error;  // the first one, under `mutex`

  // Does items of loop `number` until none is left.
  void work(uint32_t number, int worker) {
    for (;;) {
      uint64_t at = ticket.load();
      const auto item = static_cast<int64_t>(at & kClosed);
      const auto* const todo = body.load();
      const int64_t end = count.load();
      if (at >> 32 != number || item >= end) return;            // a closed loop's item is beyond every end
      if (!ticket.compare_exchange_weak(at, at + 1)) continue;  // it was another's; or the loop is over
      try {
        if (worker == 0) check_interruption();
        if (!failed.load(std::memory_order_relaxed)) (*todo)(item, worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        failed = true;
      }
      if (done.fetch_add(1) + 1 == end) done.notify_one();
    }
  }

  void serve(int worker) {
    // oneDNN's kernels point the stack register elsewhere, and a signal handler's frame would overwrite what is there.
    take_no_signals();
    uint32_t seen = 0;
    for (;;) {
      for (int spin = 0; spin < kSpins && loop.load() == seen; ++spin) __builtin_ia32_pause();
      loop.wait(seen);
      seen = loop.load();
      if (stop.load()) return;
      work(seen, worker);
    }
  }

  void begin(int64_t items, const std::function<void(int64_t, int)>* what) {
    const uint32_t number = loop.load() + 1;
    ticket = uint64_t{number} << 32 | kClosed;  // from here on nobody takes `body` and `count` for the old loop's
    count = items;
    body = what;
    done = 0;
    failed = false;
    error = nullptr;
    ticket = uint64_t{number} << 32;
    loop = number;
    loop.notify_all();
  }

  void wait_until_done(int64_t items) const {
    for (int spin = 0; spin < kSpins && done.load() != items; ++spin) __builtin_ia32_pause();
    for (int64_t now = done.load(); now != items; now = done.load()) done.wait(now);
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  const int total = threads > 0 ? threads : available_processors();
  for (int worker = 1; worker < total; ++worker)
    state_->workers.emplace_back([this, worker] { state_->serve(worker); });
}

ThreadPool::~ThreadPool() {
  if (state_->process != ::getpid()) {  // forked: there are no threads to wait for, and what they wait on is theirs
    static_cast<void>(state_.release());
    return;
  }
  state_->stop = true;
  state_->loop.fetch_add(1);
  state_->loop.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::for_each(int64_t count, const std::function<void(int64_t, int)>& body) {
  if (count <= 0) return;
  State& s = *state_;
  TEKIO_CHECK(count < static_cast<int64_t>(State::kClosed), "a loop of {} items", count);
  if (s.workers.empty() || count == 1) {
    for (int64_t i = 0; i < count; ++i) {
      check_interruption();
      body(i, 0);
    }
    return;
  }
  s.begin(count, &body);
  s.work(s.loop.load(), 0);
  s.wait_until_done(count);
  if (s.error) std::rethrow_exception(s.error);
}

int available_processors() {
  cpu_set_t set;
  int processors = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) processors = CPU_COUNT(&set);
  std::ifstream quota("/sys/fs/cgroup/cpu.max");  // "max 100000" or "200000 100000": microseconds per period
  std::string limit;
  double period = 0;
  if (quota >> limit >> period && limit != "max" && period > 0) {
    char* end = nullptr;
    const double allowed = std::strtod(limit.c_str(), &end) / period;
    if (end != limit.c_str() && allowed >= 1) processors = std::min(processors, static_cast<int>(allowed));
  }
  return std::max(1, processors);
}

}  // namespace tekio
