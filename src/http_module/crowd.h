// Clients that are connected and wait for a thread. Those whose request is there come first, so that however many send
// theirs slowly, nobody else waits for them.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>

#include "http_module/coming_request.h"

namespace tekio::http {

class Crowd {
 public:
  /// `urgent`: paths, which outlive this.
  explicit Crowd(std::span<const std::string_view> urgent) : urgent_(urgent) {}
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  using Clock = std::chrono::steady_clock;

  void add(int socket);
  bool is_empty() const { return size() == 0; }
  size_t size() const;
  /// Looks what has come of whose request, of those who were here before only now and then.
  void sort();
  /// The next one's request has wholly come.
  bool is_next_whole() const { return !of(Kind::whole).empty(); }
  /// Who is next: of those whose request has wholly come the one who came first; else of those whose request waits to
  /// be read, else of all others.
  int next() const { return of(first()).front().socket; }
  /// The one whom next() names has found a thread.
  void pop();
  /// The first of those who ask for one of the urgent paths, wholly; -1: there is none.
  int next_urgent() const;
  /// The one whom next_urgent() names has found a thread.
  void pop_urgent();
  /// Of those whose request has not wholly come, closes up to `most` who have been here for `time`: those that nothing
  /// keeps from sending before those that wait to be read. How many these were.
  size_t drop(size_t most, std::chrono::milliseconds time);

 private:
  enum class Kind {
    whole,    ///< its request is there, or it has left
    waiting,  ///< sends the rest once it is read or told to: its body is larger than what the system keeps, or expected
    slow,     ///< all others
  };
  struct Client {
    int socket;
    Clock::time_point since;
    int come = 0;  // bytes, when it was last looked at
    ComingRequest request;
    bool is_urgent = false;
  };
  using Line = std::deque<Client>;

  Kind kind_of(Client& client) const;
  bool is_urgent(std::string_view request) const;
  void look(Line& line, size_t first);
  Line& of(Kind kind) { return lines_[static_cast<size_t>(kind)]; }
  const Line& of(Kind kind) const { return lines_[static_cast<size_t>(kind)]; }
  Kind first() const;

  const std::span<const std::string_view> urgent_;
  std::array<Line, 3> lines_;   // by kind, each in the order in which they came
  size_t new_ = 0;              // of those who are slow, at the end: not looked at yet
  Clock::time_point looked_{};  // at all
};

}  // namespace tekio::http
