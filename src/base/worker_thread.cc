#include "base/worker_thread.h"

#include "base/error.h"
#include "base/no_signals.h"

namespace tekio {

WorkerThread::~WorkerThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void WorkerThread::begin(std::function<void()> task) {
  if (!thread_.joinable()) thread_ = std::thread([this] { serve(); });
  {
    const std::lock_guard lock(mutex_);
    TEKIO_CHECK(!task_ && !error_, "a task is under way, or its error was not looked at");
    task_ = std::move(task);
  }
  changed_.notify_all();
}

bool WorkerThread::is_busy() const {
  const std::lock_guard lock(mutex_);
  return static_cast<bool>(task_);
}

void WorkerThread::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !task_; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void WorkerThread::serve() {
  take_no_signals();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return task_ || stop_; });
    if (!task_) return;
    lock.unlock();
    std::exception_ptr error;
    try {
      task_();  // nobody changes it while it is under way
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    task_ = nullptr;
    error_ = error;
    changed_.notify_all();
  }
}

}  // namespace tekio
