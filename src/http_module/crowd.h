// Clients that are connected and have no thread. Those whose request is there come first, so that however many send
// theirs slowly, nobody else waits for them; who has sent nothing needs none.
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
  /// Some have sent something, and wait for a thread.
  bool some_wait() const { return size() > of(Kind::silent).size(); }
  /// Looks what has come of whose request, of those who were here before only now and then.
  void sort();
  /// Who may have a thread: whose request has wholly come, whose has begun, or anybody.
  enum class Whose { whole, begun, any };
  /// Who is next; -1: nobody. First those whose request has wholly come, then those whose request waits to be read,
  /// then those who send theirs, each in the order in which they came; but of the second kind who waits for `patience`
  /// is before all.
  int next(Whose whose, std::chrono::milliseconds patience);
  /// The one whom next() named has found a thread.
  void pop();
  /// Closes those who have sent nothing for `time`.
  void close_silent(std::chrono::milliseconds time);
  /// The first of those who ask for one of the urgent paths, wholly; -1: there is none.
  int next_urgent() const;
  /// The one whom next_urgent() names has found a thread.
  void pop_urgent();
  /// Of those whose request has not wholly come, closes up to `most` who have been here for `time`: who has sent
  /// nothing before those that nothing keeps from sending the rest, these before those that wait to be read. How many.
  size_t drop(size_t most, std::chrono::milliseconds time);

 private:
  enum class Kind {
    whole,    ///< its request is there, or it has left
    waiting,  ///< sends the rest once it is read or told to: its body is larger than what the system keeps, or expected
    slow,     ///< has sent something
    silent,   ///< all others
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
  /// Closes the first of a line.
  void close_first(Kind kind);

  const std::span<const std::string_view> urgent_;
  std::array<Line, 4> lines_;   // by kind, each in the order in which they came
  Kind next_ = Kind::whole;     // of the one whom next() named
  size_t new_ = 0;              // of those who are silent, at the end: not looked at yet
  Clock::time_point looked_{};  // at all
};

}  // namespace tekio::http
