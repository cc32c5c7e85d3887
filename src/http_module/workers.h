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
  /// At most `most` threads, started as they are needed. `serve` is given a client's socket and lets no exception out;
  /// `on_free` is called when a thread has no client any more.
  Workers(size_t most, std::function<void(int socket)> serve, std::function<void()> on_free);
  /// Serves what it was given, then ends.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// False: no thread is free for it.
  bool give(int socket);

 private:
  void work();
  const size_t most_;
  const std::function<void(int)> serve_;
  const std::function<void()> on_free_;
  std::mutex mutex_;
  std::condition_variable given_;
  std::deque<int> sockets_;  // given, and not taken yet
  size_t free_ = 0;          // threads for whom none was given
  bool ends_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tekio::http
