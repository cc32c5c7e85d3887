// Threads that serve clients: each one client at a time. A client that finds none free waits until one is.
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
  /// `on_crowd`: true when the first client waits for a thread, false when it has one.
  Workers(size_t most, std::function<void(int socket)> serve, std::function<void(bool waits)> on_crowd);
  /// Serves what it was given, then ends.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Returns when a thread has taken the client.
  void give(int socket);

 private:
  void work();
  const size_t most_;
  const std::function<void(int)> serve_;
  const std::function<void(bool)> on_crowd_;
  std::mutex mutex_;
  std::condition_variable given_, freed_;
  std::deque<int> sockets_;  // given, and not taken yet
  size_t free_ = 0;
  bool ends_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tekio::http
