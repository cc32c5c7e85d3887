// Workers spin briefly for the next loop (a training step is hundreds of short loops), then sleep.
#include "base/thread_pool.h"

#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"

namespace tekio {

namespace {

/// Workers run code that a signal handler must not interrupt on the same stack: oneDNN's kernels point the stack
/// register elsewhere, and the handler's frame would overwrite what is there. What concerns the thread itself (a fault)
/// stays.
void take_no_signals() {
  sigset_t outside;
  sigfillset(&outside);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&outside, own);
  pthread_sigmask(SIG_BLOCK, &outside, nullptr);
}

}  // namespace

struct ThreadPool::State {
  std::vector<std::thread> workers;
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<uint64_t> generation{0};  // counts loops; a change tells the workers that one has begun
  std::atomic<int> running{0};
  std::atomic<int64_t> next{0};
  std::atomic<bool> stop{false};
  int64_t count = 0;
  const std::function<void(int64_t, int)>* body = nullptr;
  std::exception_ptr error;  // the first one, under `mutex`

  void work(int worker) {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) {
      try {
        (*body)(i, worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        next.store(count, std::memory_order_relaxed);
      }
    }
  }

  void serve(int worker) {
    take_no_signals();
    uint64_t seen = 0;
    for (;;) {
      for (int spin = 0; spin < 20000 && generation.load(std::memory_order_acquire) == seen; ++spin)
        __builtin_ia32_pause();
      if (generation.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return generation.load(std::memory_order_acquire) != seen; });
      }
      seen = generation.load(std::memory_order_acquire);
      if (stop.load(std::memory_order_relaxed)) return;
      work(worker);
      running.fetch_sub(1, std::memory_order_release);
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  const int total = threads > 0 ? threads : available_processors();
  for (int worker = 1; worker < total; ++worker)
    state_->workers.emplace_back([this, worker] { state_->serve(worker); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop.store(true, std::memory_order_relaxed);
    state_->generation.fetch_add(1, std::memory_order_release);
  }
  state_->wake.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::for_each(int64_t count, const std::function<void(int64_t, int)>& body) {
  if (count <= 0) return;
  State& s = *state_;
  if (s.workers.empty() || count == 1) {
    for (int64_t i = 0; i < count; ++i) body(i, 0);
    return;
  }
  s.count = count;
  s.body = &body;
  s.error = nullptr;
  s.next.store(0, std::memory_order_relaxed);
  s.running.store(static_cast<int>(s.workers.size()), std::memory_order_relaxed);
  {
    const std::lock_guard lock(s.mutex);
    s.generation.fetch_add(1, std::memory_order_release);
  }
  s.wake.notify_all();
  s.work(0);
  for (int spin = 0; s.running.load(std::memory_order_acquire) != 0; ++spin) {
    if (spin < 20000)
      __builtin_ia32_pause();
    else
      std::this_thread::yield();
  }
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
