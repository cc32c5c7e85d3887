#include "dist/records.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace tekio {
namespace {

// Long records go in pieces, a few at a time: between them the others hear that this rank lives.
constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr int kPiecesUnderWay = 4;

template <typename T>
std::span<std::byte> bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

std::span<std::byte> piece_of(std::string& text, size_t begin, size_t count) {
  return std::as_writable_bytes(std::span(text.data() + begin, count));
}

}  // namespace

Records::Records(Mailbox& mailbox, int tag, std::string own) : mailbox_(mailbox), tag_(tag) {
  records_.push_back(std::move(own));
}

int Records::handed_on() const { return std::min(distance(), mailbox_.size() - distance()); }

int Records::missing_rank() const { return in_round_ && receiving_ > 0 ? mailbox_.neighbour(distance()) : -1; }

void Records::begin_round() {
  in_round_ = true;
  out_.clear();
  for (int i = 0; i < handed_on(); ++i) {
    const std::string& record = records_[static_cast<size_t>(i)];
    const uint64_t size = record.size();
    out_.append(reinterpret_cast<const char*>(&size), sizeof size);
    out_.append(record);
  }
  out_size_ = out_.size();
  if (out_size_ > kMostBytes)
    fail(ErrorKind::comms, "records of {} bytes are too large to give to other ranks: {} bytes at most", out_size_,
         kMostBytes);
  has_head_ = false;
  sent_ = asked_ = received_ = 0;
  sending_ = receiving_ = 1;
  mailbox_.send(*this, static_cast<uint64_t>(Label::sent), mailbox_.neighbour(-distance()), tag_, bytes_of(out_size_));
  mailbox_.receive(*this, static_cast<uint64_t>(Label::head), mailbox_.neighbour(distance()), tag_, bytes_of(in_size_));
}

void Records::send_next() {
  while (sent_ < out_.size() && sending_ < kPiecesUnderWay) {
    const size_t count = std::min(kPieceBytes, out_.size() - sent_);
    ++sending_;
    mailbox_.send(*this, static_cast<uint64_t>(Label::sent), mailbox_.neighbour(-distance()), tag_,
                  piece_of(out_, sent_, count));
    sent_ += count;
  }
}

void Records::receive_next() {
  while (has_head_ && asked_ < in_.size() && receiving_ < kPiecesUnderWay) {
    const size_t count = std::min(kPieceBytes, in_.size() - asked_);
    ++receiving_;
    mailbox_.receive(*this, static_cast<uint64_t>(Label::piece), mailbox_.neighbour(distance()), tag_,
                     piece_of(in_, asked_, count));
    asked_ += count;
  }
}

void Records::advance(Turn&) {
  while (distance() < mailbox_.size()) {
    if (!in_round_) begin_round();
    send_next();
    receive_next();
    if (sending_ > 0 || receiving_ > 0 || sent_ < out_.size()) return;
    unpack();
    in_round_ = false;
  }
}

void Records::done(uint64_t label, size_t bytes) {
  switch (static_cast<Label>(label)) {
    case Label::sent:
      --sending_;
      break;
    case Label::head:
      --receiving_;
      if (bytes != sizeof in_size_ || in_size_ > kMostBytes)
        fail(ErrorKind::comms, "rank {} sent no record where one was due", mailbox_.neighbour(distance()));
      in_.resize(in_size_);
      has_head_ = true;
      break;
    case Label::piece:
      --receiving_;
      received_ += bytes;
      break;
  }
}

void Records::unpack() {
  const int from = mailbox_.neighbour(distance());
  std::string_view rest = in_;
  const int count = handed_on();
  for (int i = 0; i < count; ++i) {
    uint64_t size = 0;
    if (rest.size() < sizeof size) fail(ErrorKind::comms, "rank {} sent damaged records", from);
    std::memcpy(&size, rest.data(), sizeof size);
    rest.remove_prefix(sizeof size);
    if (size > rest.size()) fail(ErrorKind::comms, "rank {} sent damaged records", from);
    records_.emplace_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  if (received_ != in_.size() || !rest.empty()) fail(ErrorKind::comms, "rank {} sent damaged records", from);
}

std::vector<std::string> Records::take() {
  std::rotate(records_.begin(), records_.begin() + (mailbox_.size() - mailbox_.rank()) % mailbox_.size(),
              records_.end());
  return std::move(records_);
}

}  // namespace tekio
