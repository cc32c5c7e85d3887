// A thread beside the one that owns it, for what can be done meanwhile: the next batch made, a file written.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace tekio {

/// Does one task at a time. It takes no signals, and is begun with the first task.
class WorkerThread {
 public:
  WorkerThread() = default;
  /// Waits for the task under way; what that throws is lost.
  ~WorkerThread();
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  /// Has `task` done beside the caller. What an earlier one threw must have been thrown by wait() before.
  void begin(std::function<void()> task);
  /// Whether a task is under way.
  bool is_busy() const;
  /// Returns when none is. Throws what the last one threw, once.
  void wait();

 private:
  void serve();
  mutable std::mutex mutex_;  ///< of what follows
  std::condition_variable changed_;
  std::function<void()> task_;  ///< empty: none is under way
  std::exception_ptr error_;
  bool stop_ = false;
  std::thread thread_;
};

/// Things made one after the other: the next one on a thread of its own, where that was asked for.
template <typename Made>
class MadeAhead {
 public:
  /// `make` makes the next one.
  explicit MadeAhead(std::function<Made()> make) : make_(std::move(make)) {}

  /// Begins to make the next one. Until take() nobody else may touch what `make` touches.
  void begin() {
    thread_.begin([this] { made_ = make_(); });
    begun_ = true;
  }
  bool has_begun() const { return begun_; }
  /// The next one: waited for where it was begun, else made now. Throws what `make` throws.
  Made take() {
    if (!std::exchange(begun_, false)) return make_();
    thread_.wait();
    return std::move(*std::exchange(made_, std::nullopt));
  }

 private:
  std::function<Made()> make_;
  std::optional<Made> made_;
  bool begun_ = false;
  WorkerThread thread_;  // the last member, so that it ends before what it makes
};

}  // namespace tekio
