#include "dist/mailbox.h"

namespace tekio {

Mailbox::Mailbox(Transport& transport)
    : transport_(transport),
      rank_(transport.rank()),
      size_(transport.size()),
      heard_(static_cast<size_t>(size_), Clock::now()) {}

uint64_t Mailbox::enter(const Entry& entry) {
  if (free_.empty()) {
    entries_.push_back(entry);
    return entries_.size() - 1;
  }
  const uint64_t ticket = free_.back();
  free_.pop_back();
  entries_[ticket] = entry;
  return ticket;
}

void Mailbox::send(Correspondent& whose, uint64_t label, int to, int tag, std::span<const std::byte> bytes) {
  transport_.send(to, tag, bytes, enter({&whose, label}));
}

void Mailbox::receive(Correspondent& whose, uint64_t label, int from, int tag, std::span<std::byte> room) {
  transport_.receive(from, tag, room, enter({&whose, label, from}));
}

size_t Mailbox::poll(Clock::time_point now) {
  done_.clear();
  transport_.poll(done_);
  for (const Transport::Done& message : done_) {
    const Entry entry = entries_[message.ticket];
    free_.push_back(message.ticket);
    if (entry.from != Transport::kAnyRank) heard_[static_cast<size_t>(entry.from)] = now;
    entry.whose->done(entry.label, message.bytes);
  }
  return done_.size();
}

}  // namespace tekio
