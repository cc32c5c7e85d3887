// Signs of life round the ring of ranks, and the short messages that are not work: each rank tells the one after it
// every second or two that it lives, and so each has one who misses it. Who misses one tells all: also those who wait
// for a rank that only waits itself learn at once who is gone.
#pragma once

#include <tekio/error.h>
#include <list>
#include <string>

#include "dist/communicator.h"
#include "dist/mailbox.h"

namespace tekio {

/// Why a rank goes no further.
struct WhyEnd {
  std::string text;  ///< empty: it does
  ErrorKind kind = ErrorKind::comms;
  bool empty() const { return text.empty(); }
};

class Pulse final : public Correspondent {
 public:
  Pulse(Mailbox& mailbox, const Limits& limits);

  /// Beats where it is time. True where nothing was heard of predecessor() for too long. Time in which this process
  /// itself stood still (stopped, its machine asleep) does not count.
  bool is_overdue(Mailbox::Clock::time_point now);
  int predecessor() const { return mailbox_.neighbour(-1); }

  /// Tells all why it goes no further.
  void give_notice(const WhyEnd& why);
  /// The first notice that came; empty: none.
  const WhyEnd& notice() const { return notice_; }
  /// Tells all that the user has been told so.
  void say_so(const WhyEnd& what);
  /// What a rank told its user; empty: none did.
  const WhyEnd& said() const { return said_; }
  /// Tells all that this rank has come to its end in order, after so many operations.
  void say_goodbye(uint64_t operations);
  /// A rank that has ended without taking part in the last of so many operations; -1: none.
  int ended_before(uint64_t operations) const;
  bool all_have_ended() const { return goodbyes_ == mailbox_.size() - 1; }
  bool has_unsent() const { return !out_.empty(); }

  void done(uint64_t label, size_t bytes) override;

 private:
  enum class Kind : uint32_t { beat, notice, said, goodbye };
  struct Word {
    Kind kind;
    int32_t from;
    uint64_t operations;
    ErrorKind error;  // of whoever goes no further
    char text[1004];
  };
  static Word word_of(Kind kind, int from, const WhyEnd& why);
  void say(const Word& word, int to);
  void say_to_all(const Word& word);
  void listen(size_t ear);
  void hear(const Word& word);

  static constexpr int kTag = 0;
  static constexpr size_t kEars = 4;

  Mailbox& mailbox_;
  const Mailbox::Clock::duration silence_, beat_;
  Mailbox::Clock::time_point looked_, beaten_, heard_;
  std::list<Word> out_;  // on their way
  bool is_beating_ = false;
  Word in_[kEars] = {};
  WhyEnd notice_, said_;
  int goodbyes_ = 0;
  uint64_t fewest_operations_ = UINT64_MAX;  // of a rank that has ended
  int first_ended_ = -1;
};

}  // namespace tekio
