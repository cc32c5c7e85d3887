#include "dist/pulse.h"

#include <algorithm>
#include <cstring>

namespace tekio {
namespace {

using Clock = Mailbox::Clock;

Clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

Pulse::Pulse(Mailbox& mailbox, const Limits& limits)
    : mailbox_(mailbox),
      silence_(duration_of(limits.silence_seconds)),
      beat_(std::min<Clock::duration>(silence_ / 10, std::chrono::seconds(2))),
      looked_(Clock::now()),
      beaten_(looked_ - beat_),
      heard_(looked_) {
  if (mailbox.size() == 1) return;
  for (size_t ear = 0; ear < kEars; ++ear) listen(ear);
}

bool Pulse::is_overdue(Clock::time_point now) {
  if (mailbox_.size() == 1) return false;
  if (now - looked_ > beat_) heard_ += now - looked_;  // what came meanwhile is heard of next time
  looked_ = now;
  heard_ = std::max(heard_, mailbox_.heard_of(predecessor()));
  if (now - beaten_ >= beat_ && !is_beating_) {
    beaten_ = now;
    is_beating_ = true;
    say({Kind::beat, mailbox_.rank(), 0, {}, {}}, mailbox_.neighbour(1));
  }
  return now - heard_ > silence_;
}

// A word's label is where it lies; an ear's is its number, which no address is.
void Pulse::say(const Word& word, int to) {
  Word& own = out_.emplace_back(word);
  mailbox_.send(*this, reinterpret_cast<uint64_t>(&own), to, kTag, std::as_bytes(std::span(&own, 1)));
}

void Pulse::say_to_all(const Word& word) {
  for (int step = 1; step < mailbox_.size(); ++step) say(word, mailbox_.neighbour(step));
}

Pulse::Word Pulse::word_of(Kind kind, int from, const WhyEnd& why) {
  Word word = {kind, from, 0, why.kind, {}};
  why.text.copy(word.text, sizeof word.text - 1);
  return word;
}

void Pulse::give_notice(const WhyEnd& why) { say_to_all(word_of(Kind::notice, mailbox_.rank(), why)); }

void Pulse::say_so(const WhyEnd& what) { say_to_all(word_of(Kind::said, mailbox_.rank(), what)); }

void Pulse::say_goodbye(uint64_t operations) { say_to_all({Kind::goodbye, mailbox_.rank(), operations, {}, {}}); }

int Pulse::ended_before(uint64_t operations) const { return fewest_operations_ < operations ? first_ended_ : -1; }

void Pulse::listen(size_t ear) {
  mailbox_.receive(*this, ear, Transport::kAnyRank, kTag, std::as_writable_bytes(std::span(&in_[ear], 1)));
}

void Pulse::done(uint64_t label, size_t bytes) {
  if (label < kEars) {
    if (bytes == sizeof(Word)) hear(in_[label]);
    listen(label);
    return;
  }
  const auto word =
      std::ranges::find_if(out_, [&](const Word& own) { return reinterpret_cast<uint64_t>(&own) == label; });
  if (word->kind == Kind::beat) is_beating_ = false;
  out_.erase(word);
}

void Pulse::hear(const Word& word) {
  const auto why = [&]() -> WhyEnd {
    const auto kind =
        static_cast<uint32_t>(word.error) > static_cast<uint32_t>(ErrorKind::bug) ? ErrorKind::comms : word.error;
    return {std::string(word.text, ::strnlen(word.text, sizeof word.text - 1)), kind};
  };
  switch (word.kind) {
    case Kind::beat:
      heard_ = looked_;
      break;
    case Kind::notice:
      if (notice_.empty()) notice_ = why();
      break;
    case Kind::said:
      said_ = why();
      break;
    case Kind::goodbye:
      ++goodbyes_;
      if (word.operations < fewest_operations_) {
        fewest_operations_ = word.operations;
        first_ended_ = word.from;
      }
      break;
  }
}

}  // namespace tekio
