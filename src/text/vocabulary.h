// The model's vocabulary: token to id and back, built for being loaded in about a millisecond and for finding the
// longest token that a word begins with. One pool of bytes, one open-addressing table that holds short tokens itself,
// so that a look-up waits for memory once; no allocation per token. The hash is taken byte by byte, so that one walk
// along a word gives the hashes of all its beginnings.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tekio {

class Vocabulary {
 public:
  /// Ids lie in [0, kIdLimit): many times what any model has, and little enough that a table by id is always
  /// affordable.
  static constexpr int64_t kIdLimit = int64_t{1} << 22;
  /// Bytes that can be read where a token is looked for by its hash, however short it is.
  static constexpr size_t kReadable = 12;

  /// Makes room for `tokens` tokens of `bytes` bytes in all.
  void reserve(size_t tokens, size_t bytes);
  /// False, and nothing done, if the token or the id is taken. `id` in [0, kIdLimit). Errors, here and below: as
  /// check_bytes().
  bool add(std::string_view token, int32_t id) { return add(hash(kHashStart, token), token, id); }
  bool add(uint64_t hash, std::string_view token, int32_t id);
  /// Lets the processor fetch where a token with this hash is or will be. Room must have been made.
  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[place_of(hash)]); }
  /// One more id of a token that is there: the token is found under its other one. `id` is free.
  void add_twin(std::string_view token, int32_t id);

  /// The token's id; -1 if there is none.
  int32_t find(std::string_view token) const;
  /// The same for the `length` bytes at `at`, whose hash is known; kReadable can be read there.
  int32_t find(uint64_t hash, const char* at, size_t length) const {
    return may_have(hash) ? look_up(hash, slot_for(at, length), {at, length}) : kNone;
  }
  /// Almost all look-ups are for what is no token: false says so for most, from a table that stays in the caches.
  bool may_have(uint64_t hash) const { return filter_[hash >> 6 & filter_mask_] >> (hash & 63) & 1; }

  /// Errors: input (so many bytes, of all tokens together, have no places that 32 bits can tell).
  static void check_bytes(uint64_t bytes);

  /// Absent where no token has the id. Valid while the vocabulary lives.
  std::optional<std::string_view> token(int64_t id) const;

  size_t size() const { return size_; }
  /// One more than the largest id.
  int64_t id_end() const { return static_cast<int64_t>(by_id_.size()); }
  size_t longest_token_bytes() const { return longest_; }

  static constexpr uint64_t kHashStart = 0xCBF29CE484222325;  // FNV-1a, 64 bits
  static uint64_t hash(uint64_t state, std::string_view bytes) {
    for (const char byte : bytes) state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
    return state;
  }

 private:
  static constexpr int32_t kNone = -1;
  static constexpr uint32_t kAbsent = UINT32_MAX;
  static constexpr size_t kInline = 11;  // bytes of a token that its slot holds
  struct Slot {
    uint64_t low = 0;
    uint32_t high = 0;  // bytes 8 to 10; above them the length, at most 255
    int32_t id = kNone;
  };
  struct Place {
    uint32_t begin = 0, length = kAbsent;  // bytes of pool_
  };

  // What a slot says of a token; kReadable bytes can be read.
  static Slot slot_for(const char* at, size_t length) {
    Slot slot;
    std::memcpy(&slot.low, at, 8);
    std::memcpy(&slot.high, at + 8, 4);
    const size_t low_bytes = std::min<size_t>(length, 8), high_bytes = std::min(length, kInline) - low_bytes;
    if (low_bytes < 8) slot.low &= (uint64_t{1} << 8 * low_bytes) - 1;
    slot.high &= (uint32_t{1} << 8 * high_bytes) - 1;
    slot.high |= static_cast<uint32_t>(std::min<size_t>(length, UINT8_MAX)) << 24;
    return slot;
  }
  static Slot slot_for(std::string_view token) {
    char start[kReadable] = {};
    token.copy(start, kReadable);
    return slot_for(start, token.size());
  }
  int32_t look_up(uint64_t hash, const Slot& wanted, std::string_view token) const;
  void set_token(std::string_view token, int32_t id);
  void insert(uint64_t hash, const Slot& slot);
  void rebuild(size_t slots);
  size_t place_of(uint64_t hash) const { return (hash ^ hash >> 29) & (slots_.size() - 1); }

  std::string pool_;
  std::vector<Slot> slots_;  // a power of two, at most half full
  std::vector<Place> by_id_;
  std::vector<uint64_t> filter_ = {0};  // eight bits a slot
  size_t filter_mask_ = 0;              // filter_.size() - 1
  size_t size_ = 0, longest_ = 0;
};

}  // namespace tekio
