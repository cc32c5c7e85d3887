#include "dist/sum.h"

#include "base/error.h"
#include "dist/tree_sum.h"

namespace tekio {
namespace {

// Phase, rank and piece in one word.
constexpr int kRankBits = 24, kPieceBits = 38;
uint64_t label_of(uint64_t phase, int rank, size_t piece) {
  return phase << (kRankBits + kPieceBits) | static_cast<uint64_t>(rank) << kPieceBits | piece;
}

}  // namespace

Sum::Sum(const Request& request, Mailbox& mailbox, Workshop& workshop, int tag)
    : mailbox_(mailbox),
      workshop_(workshop),
      tag_(tag),
      request_(request),
      awaited_(static_cast<size_t>(mailbox.size()), 0) {
  const int size = mailbox.size();
  for (int owner = 0; owner < size; ++owner) shares_.push_back(share_of(request.numbers.size(), owner, size));
  for (int owner = 0; owner < size; ++owner) most_pieces_ = std::max(most_pieces_, pieces_of(owner));
  const bool adds = request.kind != Kind::exchange_of_shares;
  gave_ = !adds || !is_giver() || size == 1;
  collected_ = !adds || size == 1;
  spread_ = took_ = request.kind == Kind::shared_sum || size == 1;
  if (adds && is_giver() && !took_) has_left_.resize(static_cast<size_t>(size) * most_pieces_, false);
}

size_t Sum::pieces_of(int owner) const {
  const Share& share = shares_[static_cast<size_t>(owner)];
  return (share.end - share.begin + workshop_.piece_numbers() - 1) / workshop_.piece_numbers();
}

Sum::Range Sum::piece(int owner, size_t number) const {
  const Share& share = shares_[static_cast<size_t>(owner)];
  const size_t begin = share.begin + number * workshop_.piece_numbers();
  return {begin, std::min(workshop_.piece_numbers(), share.end - begin)};
}

size_t Sum::collected_bytes(const Range& range) const {
  return wire_bytes(range) * static_cast<size_t>(request_.givers - (is_giver() ? 1 : 0));
}

size_t Sum::ready_to_spread() const {
  return request_.kind == Kind::exchange_of_shares ? pieces_of(mailbox_.rank()) : summed_;
}

void Sum::drain(bool& open, bool& finished, bool (Sum::*next)()) {
  if (!open) return;
  while (!finished && (this->*next)()) {}
  open = finished;
}

void Sum::advance(Turn& turn) {
  add_collected();
  drain(turn.collect, collected_, &Sum::collect_next);
  add_collected();  // what nobody else gives
  drain(turn.spread, spread_, &Sum::spread_next);
  drain(turn.give, gave_, &Sum::give_next);
  drain(turn.take, took_, &Sum::take_next);
}

bool Sum::is_complete() const { return gave_ && collected_ && slots_.empty() && spread_ && took_ && under_way_ == 0; }

int Sum::missing_rank() const {
  for (size_t rank = 0; rank < awaited_.size(); ++rank)
    if (awaited_[rank] > 0) return static_cast<int>(rank);
  return -1;
}

// The next four begin one message (collect_next: those of one piece) and return true; or return false where none can be
// begun now, or none is left.

bool Sum::give_next() {
  for (; giving_.piece < most_pieces_; giving_.go_on(mailbox_.size())) {
    const int to = mailbox_.neighbour(giving_.step);
    if (giving_.piece >= pieces_of(to)) continue;
    const Range range = piece(to, giving_.piece);
    if (!workshop_.give.enter(wire_bytes(range))) return false;
    const uint64_t label = label_of(static_cast<uint64_t>(Phase::give), to, giving_.piece);
    ++under_way_;
    mailbox_.send(*this, label, to, tag_, packed(label, range));
    giving_.go_on(mailbox_.size());
    return true;
  }
  gave_ = true;
  return false;
}

bool Sum::collect_next() {
  const int own = mailbox_.rank();
  if (collecting_ == pieces_of(own)) {
    collected_ = true;
    return false;
  }
  const Range range = own_piece(collecting_);
  if (!workshop_.collect.enter(collected_bytes(range))) return false;
  Slot& slot = slots_.emplace_back();
  slot.parts.resize(static_cast<size_t>(request_.givers));
  for (int from = 0; from < request_.givers; ++from) {
    if (from == own) continue;
    Workshop::Buffer& part = slot.parts[static_cast<size_t>(from)];
    part = workshop_.buffer();
    ++slot.missing;
    ++under_way_;
    ++awaited_[static_cast<size_t>(from)];
    mailbox_.receive(*this, label_of(static_cast<uint64_t>(Phase::collect), from, collecting_), from, tag_,
                     {reinterpret_cast<std::byte*>(part.get()), wire_bytes(range)});
  }
  ++collecting_;
  return true;
}

bool Sum::spread_next() {
  const int own = mailbox_.rank();
  if (spreading_.piece == pieces_of(own)) {
    spread_ = true;
    return false;
  }
  if (spreading_.piece >= ready_to_spread()) return false;
  const Range range = own_piece(spreading_.piece);
  if (!workshop_.spread.enter(wire_bytes(range))) return false;
  const uint64_t label = label_of(static_cast<uint64_t>(Phase::spread), own, spreading_.piece);
  ++under_way_;
  mailbox_.send(*this, label, mailbox_.neighbour(spreading_.step), tag_ + 1, packed(label, range));
  spreading_.go_on(mailbox_.size());
  return true;
}

bool Sum::take_next() {
  for (; taking_.piece < most_pieces_; taking_.go_on(mailbox_.size())) {
    const int from = mailbox_.neighbour(-taking_.step);
    if (taking_.piece >= pieces_of(from)) continue;
    if (!has_left_.empty() && !has_left_[static_cast<size_t>(from) * most_pieces_ + taking_.piece]) return false;
    const Range range = piece(from, taking_.piece);
    if (!workshop_.take.enter(wire_bytes(range))) return false;
    const uint64_t label = label_of(static_cast<uint64_t>(Phase::take), from, taking_.piece);
    ++under_way_;
    ++awaited_[static_cast<size_t>(from)];
    std::byte* room = reinterpret_cast<std::byte*>(numbers(range));
    if (is_narrow()) {
      Packed& place = packed_[label];
      place = {workshop_.buffer(), 1};
      room = reinterpret_cast<std::byte*>(place.buffer.get());
    }
    mailbox_.receive(*this, label, from, tag_ + 1, {room, wire_bytes(range)});
    taking_.go_on(mailbox_.size());
    return true;
  }
  took_ = true;
  return false;
}

// The range's numbers as they are sent; bf16 is kept until all who were given it under this key have it.
std::span<std::byte> Sum::packed(uint64_t key, const Range& range) {
  if (!is_narrow()) return {reinterpret_cast<std::byte*>(numbers(range)), wire_bytes(range)};
  const auto [place, is_new] = packed_.try_emplace(key);
  if (is_new) {
    place->second.buffer = workshop_.buffer();
    narrow(numbers(range), range.count, reinterpret_cast<bf16*>(place->second.buffer.get()));
  }
  ++place->second.users;
  return {reinterpret_cast<std::byte*>(place->second.buffer.get()), wire_bytes(range)};
}

void Sum::unpack(uint64_t key) {
  const auto place = packed_.find(key);
  if (place == packed_.end() || --place->second.users > 0) return;
  workshop_.give_back(std::move(place->second.buffer));
  packed_.erase(place);
}

void Sum::done(uint64_t label, size_t bytes) {
  const auto phase = static_cast<Phase>(label >> (kRankBits + kPieceBits));
  const auto rank = static_cast<size_t>(label >> kPieceBits & ((uint64_t{1} << kRankBits) - 1));
  const size_t number = label & ((uint64_t{1} << kPieceBits) - 1);
  const int owner = phase == Phase::collect ? mailbox_.rank() : static_cast<int>(rank);
  const Range range = piece(owner, number);
  --under_way_;
  if (phase == Phase::collect || phase == Phase::take) {
    --awaited_[rank];
    if (bytes != wire_bytes(range))
      fail(ErrorKind::comms, "rank {} sent {} bytes of a sum where {} were due: the ranks do different things", rank,
           bytes, wire_bytes(range));
  }
  switch (phase) {
    case Phase::give:
      workshop_.give.leave(wire_bytes(range));
      if (!has_left_.empty()) has_left_[rank * most_pieces_ + number] = true;
      break;
    case Phase::collect:
      --slots_[number - summed_].missing;
      break;
    case Phase::spread:
      workshop_.spread.leave(wire_bytes(range));
      break;
    case Phase::take:
      workshop_.take.leave(wire_bytes(range));
      if (is_narrow())
        widen(reinterpret_cast<const bf16*>(packed_.at(label).buffer.get()), range.count, numbers(range));
      break;
  }
  unpack(label);
}

void Sum::add_collected() {
  while (!slots_.empty() && slots_.front().missing == 0) {
    const Range range = own_piece(summed_);
    Slot& slot = slots_.front();
    is_narrow() ? add_narrow(slot, range) : add(slot, range);
    for (Workshop::Buffer& part : slot.parts) workshop_.give_back(std::move(part));
    workshop_.collect.leave(collected_bytes(range));
    slots_.pop_front();
    ++summed_;
  }
}

void Sum::add(const Slot& slot, const Range& range) {
  std::vector<float*> parts;
  for (const Workshop::Buffer& part : slot.parts) parts.push_back(part ? part.get() : numbers(range));
  add_in_tree(parts, range.count, numbers(range));
}

void Sum::add_narrow(const Slot& slot, const Range& range) {
  float* const blocks = workshop_.blocks(slot.parts.size());
  std::vector<float*> parts;
  for (size_t giver = 0; giver < slot.parts.size(); ++giver) parts.push_back(blocks + giver * Workshop::kBlock);
  for (size_t begin = 0; begin < range.count; begin += Workshop::kBlock) {
    const size_t count = std::min(Workshop::kBlock, range.count - begin);
    float* const own = numbers(range) + begin;
    for (size_t giver = 0; giver < slot.parts.size(); ++giver) {
      const Workshop::Buffer& part = slot.parts[giver];
      if (part) {
        widen(reinterpret_cast<const bf16*>(part.get()) + begin, count, parts[giver]);
      } else {
        std::copy_n(own, count, parts[giver]);
        round_to_bf16(parts[giver], count);
      }
    }
    add_in_tree(parts, count, own);
    round_to_bf16(own, count);
  }
}

}  // namespace tekio
