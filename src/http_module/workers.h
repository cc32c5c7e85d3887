// Threads that serve clients: each one client at a time.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tekio::http {

class Workers {
 public:
  /// At most `most` threads, started as they are needed. `on_free` is called when a thread has no client any more.
  Workers(size_t most, std::function<void()> on_free);
  /// Serves what it was given, then ends.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// `serve` lets no exception out. False: no thread is free for it.
  bool give(std::function<void()> serve);
  /// Threads that have a client.
  size_t busy() const;

 private:
  void work();
  const size_t most_;
  const std::function<void()> on_free_;
  mutable std::mutex mutex_;
  std::condition_variable given_;
  std::deque<std::function<void()>> clients_;  // given, and not taken yet
  size_t free_ = 0;                            // threads for whom none was given
  bool ends_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tekio::http
