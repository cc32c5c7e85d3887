#include "dist/level.h"

#include "base/error.h"
#include "dist/tree_sum.h"

namespace tekio {
namespace {

// Phase, place and piece in one word.
constexpr int kPlaceBits = 24, kPieceBits = 38;
uint64_t label_of(uint64_t phase, size_t place, size_t piece) {
  return phase << (kPlaceBits + kPieceBits) | static_cast<uint64_t>(place) << kPieceBits | piece;
}

size_t bytes_on_wire(const SumPieces::Range& range, Wire wire) {
  return range.count * (wire == Wire::bf16 ? sizeof(bf16) : sizeof(float));
}

}  // namespace

Level::Level(Request request, std::span<float> numbers, const SumPieces& pieces, PieceStates& states, Mailbox& mailbox,
             Workshop& workshop, Windows& windows, int tag)
    : request_(std::move(request)),
      numbers_(numbers),
      pieces_(pieces),
      states_(states),
      mailbox_(mailbox),
      workshop_(workshop),
      windows_(windows),
      tag_(tag),
      awaited_(size(), 0) {
  for (const auto& owned : request_.owned) most_owned_ = std::max(most_owned_, owned.size());
  gave_ = !request_.adds || !is_giver() || size() == 1;
  collected_ = !request_.adds || request_.givers == 0;
  spread_ = took_ = !request_.spreads || size() == 1;
  if (!gave_ && !took_) has_left_.resize(pieces.ids(), false);
}

size_t Level::collected_bytes(const SumPieces::Range& range) const {
  return bytes_on_wire(range, request_.given) * static_cast<size_t>(request_.givers - (is_giver() ? 1 : 0));
}

void Level::drain(bool& open, bool& finished, bool (Level::*next)()) {
  if (!open) return;
  while (!finished && (this->*next)()) {}
  open = finished;
}

void Level::advance(LevelTurn& turn) {
  add_collected();
  drain(turn.collect, collected_, &Level::collect_next);
  add_collected();  // what nobody else gives
  drain(turn.spread, spread_, &Level::spread_next);
  drain(turn.give, gave_, &Level::give_next);
  drain(turn.take, took_, &Level::take_next);
}

int Level::missing_rank() const {
  for (size_t place = 0; place < awaited_.size(); ++place)
    if (awaited_[place] > 0) return request_.ranks[place];
  return -1;
}

void Level::send(Phase phase, size_t to, SumPieces::Id id, Wire wire) {
  // What is spread lies packed once for all.
  const uint64_t label = label_of(static_cast<uint64_t>(phase), phase == Phase::spread ? own() : to, id);
  ++under_way_;
  mailbox_.send(*this, label, request_.ranks[to], phase == Phase::give ? tag_ : tag_ + 1,
                packed(label, pieces_.range(id), wire));
}

// The next four begin one message (collect_next: those of one piece) and return true; or return false where none can be
// begun now, or none is left.

bool Level::give_next() {
  for (; giving_.piece < most_owned_; giving_.go_on(size())) {
    const size_t to = (own() + giving_.step) % size();
    if (giving_.piece >= request_.owned[to].size()) continue;
    const SumPieces::Id id = request_.owned[to][giving_.piece];
    if (!request_.is_lowest && !states_.may_be_given[id]) return false;
    if (!windows_.give.enter(bytes_on_wire(pieces_.range(id), request_.given))) return false;
    send(Phase::give, to, id, request_.given);
    giving_.go_on(size());
    return true;
  }
  gave_ = true;
  return false;
}

bool Level::collect_next() {
  if (collecting_ == own_pieces().size()) {
    collected_ = true;
    return false;
  }
  const SumPieces::Range range = pieces_.range(own_pieces()[collecting_]);
  if (!windows_.collect.enter(collected_bytes(range))) return false;
  Slot& slot = slots_.emplace_back();
  slot.parts.resize(static_cast<size_t>(request_.givers));
  for (size_t from = 0; from < slot.parts.size(); ++from) {
    if (from == own()) continue;
    slot.parts[from] = workshop_.buffer();
    ++slot.missing;
    ++under_way_;
    ++awaited_[from];
    mailbox_.receive(*this, label_of(static_cast<uint64_t>(Phase::collect), from, collecting_), request_.ranks[from],
                     tag_,
                     {reinterpret_cast<std::byte*>(slot.parts[from].get()), bytes_on_wire(range, request_.given)});
  }
  ++collecting_;
  return true;
}

bool Level::spread_next() {
  if (spreading_.piece == own_pieces().size()) {
    spread_ = true;
    return false;
  }
  const SumPieces::Id id = own_pieces()[spreading_.piece];
  if (!states_.is_final[id]) return false;
  if (!windows_.spread.enter(bytes_on_wire(pieces_.range(id), request_.sum))) return false;
  send(Phase::spread, (own() + spreading_.step) % size(), id, request_.sum);
  spreading_.go_on(size());
  return true;
}

bool Level::take_next() {
  for (; taking_.piece < most_owned_; taking_.go_on(size())) {
    const size_t from = (own() + size() - taking_.step) % size();
    if (taking_.piece >= request_.owned[from].size()) continue;
    const SumPieces::Id id = request_.owned[from][taking_.piece];
    if (!has_left_.empty() && !has_left_[id]) return false;
    const SumPieces::Range range = pieces_.range(id);
    const size_t bytes = bytes_on_wire(range, request_.sum);
    if (!windows_.take.enter(bytes)) return false;
    const uint64_t label = label_of(static_cast<uint64_t>(Phase::take), from, id);
    ++under_way_;
    ++awaited_[from];
    std::byte* room = reinterpret_cast<std::byte*>(numbers(range));
    if (request_.sum == Wire::bf16) {
      Packed& place = packed_[label];
      place = {workshop_.buffer(), 1};
      room = reinterpret_cast<std::byte*>(place.buffer.get());
    }
    mailbox_.receive(*this, label, request_.ranks[from], tag_ + 1, {room, bytes});
    taking_.go_on(size());
    return true;
  }
  took_ = true;
  return false;
}

// The range's numbers as they are sent; bf16 is kept until all who were given it under this label have it.
std::span<std::byte> Level::packed(uint64_t label, const SumPieces::Range& range, Wire wire) {
  const size_t bytes = bytes_on_wire(range, wire);
  if (wire == Wire::f32) return {reinterpret_cast<std::byte*>(numbers(range)), bytes};
  const auto [place, is_new] = packed_.try_emplace(label);
  if (is_new) {
    place->second.buffer = workshop_.buffer();
    narrow(numbers(range), range.count, reinterpret_cast<bf16*>(place->second.buffer.get()));
  }
  ++place->second.users;
  return {reinterpret_cast<std::byte*>(place->second.buffer.get()), bytes};
}

void Level::release(uint64_t label) {
  const auto place = packed_.find(label);
  if (place == packed_.end() || --place->second.users > 0) return;
  workshop_.give_back(std::move(place->second.buffer));
  packed_.erase(place);
}

void Level::done(uint64_t label, size_t bytes) {
  const auto phase = static_cast<Phase>(label >> (kPlaceBits + kPieceBits));
  const auto place = static_cast<size_t>(label >> kPieceBits & ((uint64_t{1} << kPlaceBits) - 1));
  const size_t piece = label & ((uint64_t{1} << kPieceBits) - 1);
  const SumPieces::Id id = phase == Phase::collect ? own_pieces()[piece] : piece;
  const SumPieces::Range range = pieces_.range(id);
  const size_t due = bytes_on_wire(range, phase < Phase::spread ? request_.given : request_.sum);
  --under_way_;
  if (phase == Phase::collect || phase == Phase::take) {
    --awaited_[place];
    if (bytes != due)
      fail(ErrorKind::comms, "rank {} sent {} bytes of a sum where {} were due: the ranks do different things",
           request_.ranks[place], bytes, due);
  }
  switch (phase) {
    case Phase::give:
      windows_.give.leave(due);
      if (!has_left_.empty()) has_left_[id] = true;
      break;
    case Phase::collect:
      --slots_[piece - added_].missing;
      break;
    case Phase::spread:
      windows_.spread.leave(due);
      break;
    case Phase::take:
      windows_.take.leave(due);
      if (request_.sum == Wire::bf16)
        widen(reinterpret_cast<const bf16*>(packed_.at(label).buffer.get()), range.count, numbers(range));
      states_.is_final[id] = true;
      break;
  }
  release(label);
}

void Level::add_collected() {
  while (!slots_.empty() && slots_.front().missing == 0) {
    const SumPieces::Id id = own_pieces()[added_];
    if (is_giver() && !request_.is_lowest && !states_.may_be_given[id]) return;  // the own part is not there yet
    const SumPieces::Range range = pieces_.range(id);
    Slot& slot = slots_.front();
    request_.given == Wire::bf16 ? add_narrow(slot, range) : add(slot, range);
    if (request_.is_highest && request_.sum == Wire::bf16) round_to_bf16(numbers(range), range.count);
    for (Workshop::Buffer& part : slot.parts) workshop_.give_back(std::move(part));
    windows_.collect.leave(collected_bytes(range));
    (request_.is_highest ? states_.is_final : states_.may_be_given)[id] = true;
    slots_.pop_front();
    ++added_;
  }
}

void Level::add(const Slot& slot, const SumPieces::Range& range) {
  std::vector<float*> parts;
  for (const Workshop::Buffer& part : slot.parts) parts.push_back(part ? part.get() : numbers(range));
  add_in_tree(parts, range.count, numbers(range));
}

void Level::add_narrow(const Slot& slot, const SumPieces::Range& range) {
  float* const blocks = workshop_.blocks(slot.parts.size());
  std::vector<float*> parts;
  for (size_t giver = 0; giver < slot.parts.size(); ++giver) parts.push_back(blocks + giver * Workshop::kBlock);
  for (size_t begin = 0; begin < range.count; begin += Workshop::kBlock) {
    const size_t count = std::min(Workshop::kBlock, range.count - begin);
    float* const sum = numbers(range) + begin;
    for (size_t giver = 0; giver < slot.parts.size(); ++giver) {
      if (const Workshop::Buffer& part = slot.parts[giver]; part) {
        widen(reinterpret_cast<const bf16*>(part.get()) + begin, count, parts[giver]);
      } else {
        std::copy_n(sum, count, parts[giver]);
        round_to_bf16(parts[giver], count);
      }
    }
    add_in_tree(parts, count, sum);
  }
}

}  // namespace tekio
