// Clients that are connected and wait for a thread. Those whose request is there come first, so that however many send
// theirs slowly, nobody else waits for more than one of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

namespace tekio::http {

class Crowd {
 public:
  Crowd() = default;
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  using Clock = std::chrono::steady_clock;

  void add(int socket) { clients_.push_back({socket, Clock::now()}); }
  bool is_empty() const { return clients_.empty(); }
  size_t size() const { return clients_.size(); }
  /// Puts those whose request has wholly come before the others, each in the order in which they came.
  void sort();
  int front() const { return clients_.front().socket; }
  /// The first has found a thread.
  void pop();
  /// Of those whose request has not wholly come, closes up to `most`, all of whom have been here for `time`, who came
  /// first. How many these were.
  size_t drop(size_t most, std::chrono::milliseconds time);

 private:
  struct Client {
    int socket;
    Clock::time_point since;
  };
  std::deque<Client> clients_;
  size_t whole_ = 0;  // of them, in front
};

}  // namespace tekio::http
