// The engine's thread: everything that touches the transport. What it shares with the caller is in Meeting.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>

#include "dist/communicator.h"
#include "dist/pulse.h"
#include "dist/records.h"
#include "dist/sum.h"

namespace tekio {

/// What the caller's and the engine's thread tell each other.
struct Meeting {
  std::mutex mutex;
  std::condition_variable to_thread, to_caller;

  // From the caller. A task is a sum's numbers, or a record.
  struct Task {
    std::optional<Sum::Request> sum;
    std::string record;
  };
  std::deque<Task> tasks;
  std::vector<std::string> names;  // of the ranks, once they are known
  int group = 1;                   // to sum by
  WhyEnd leaving;                  // empty: it stays
  bool closing = false;            // it has come to its end in order
  bool is_over = false;            // it makes no further call
  std::optional<int> abort_code;   // to end all processes with
  std::atomic<bool> is_waited_for{false};

  // From the thread.
  int rank = 0, size = 0;
  std::string machine;  // as the transport has it
  bool is_open = false;
  size_t unfinished = 0;                            // tasks, those in `tasks` included
  std::optional<std::vector<std::string>> records;  // of the last gathering
  WhyEnd said;                                      // see Communicator
  std::string failure;  // why nothing goes on; set once, when no memory of the caller's is touched any more
  ErrorKind ended_by = ErrorKind::comms;  // see Communicator
  bool has_ended_in_order = false;        // so have all
  std::exception_ptr cannot_open;
  bool has_ended = false;           // the thread makes no further call
  std::atomic<uint64_t> rounds{0};  // its calls to the transport
};

/// The engine's thread. Operations go on in the order in which they were begun, each as far as it can.
class Courier {
 public:
  Courier(Meeting& meeting, Transport& transport, const Limits& limits, Say say);
  /// Until the caller closes or leaves, or something fails. True where the transport may be finished in order.
  bool run();

 private:
  struct Running {
    std::unique_ptr<Operation> operation;
    Records* records;  // the same, where it is one
  };
  void take_tasks();
  bool advance();
  WhyEnd trouble(Mailbox::Clock::time_point now);
  WhyEnd told_to_all(const WhyEnd& why);
  void send_words();
  void say(const WhyEnd& why);
  void end_with(const WhyEnd& failure, bool in_order = false);
  std::string name(int rank);
  void rest(bool moved);
  int next_tag();

  Meeting& meeting_;
  Transport& transport_;
  const Limits limits_;
  const Say say_;
  Mailbox mailbox_;
  std::optional<Workshop> workshop_;  // once there is a sum
  Pulse pulse_;
  std::deque<Running> running_;
  uint64_t begun_ = 0;
  bool has_said_goodbye_ = false;
  std::string own_reason_;  // to leave
  int quiet_rounds_ = 0;
};

}  // namespace tekio
