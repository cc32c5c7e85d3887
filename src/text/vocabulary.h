// The model's vocabulary: token to id and back, built for being loaded in well under a millisecond and for finding the
// longest token that a word begins with. One pool of bytes, one open-addressing table; no allocation per token. The
// hash is taken byte by byte, so that one walk along a word gives the hashes of all its prefixes.
#pragma once

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

  /// Makes room for `tokens` tokens of `bytes` bytes in all.
  void reserve(size_t tokens, size_t bytes);
  /// False, and nothing done, if the token or the id is taken. `id` in [0, kIdLimit).
  bool add(std::string_view token, int32_t id);

  /// The token's id; -1 if there is none.
  int32_t find(std::string_view token) const { return find(hash(kHashStart, token), {}, token); }
  /// The same for the token `prefix` + `rest`, whose hash is known.
  int32_t find(uint64_t hash, std::string_view prefix, std::string_view rest) const;

  /// Absent where no token has the id. Valid while the vocabulary lives.
  std::optional<std::string_view> token(int64_t id) const;

  size_t size() const { return entries_.size(); }
  /// One more than the largest id.
  int64_t id_end() const { return static_cast<int64_t>(by_id_.size()); }
  size_t longest_token_bytes() const { return longest_; }

  static constexpr uint64_t kHashStart = 0xCBF29CE484222325;  // FNV-1a, 64 bits
  static uint64_t hash(uint64_t state, std::string_view bytes) {
    for (const char byte : bytes) state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
    return state;
  }

 private:
  struct Entry {
    uint32_t begin, length;  // bytes of pool_
    int32_t id;
  };
  struct Slot {
    uint32_t tag;        // upper half of the hash
    uint32_t entry = 0;  // number + 1; 0: free
  };
  size_t slot_of(uint64_t hash) const { return (hash ^ hash >> 29) & (slots_.size() - 1); }
  void rebuild(size_t slots);
  std::string_view text(const Entry& entry) const { return {pool_.data() + entry.begin, entry.length}; }

  /// Almost all lookups are for what is no token: one bit that is not set, in a table that stays in the caches, says
  /// so.
  bool may_have(uint64_t hash) const { return filter_[hash >> 6 & filter_mask_] >> (hash & 63) & 1; }
  void note(uint64_t hash) { filter_[hash >> 6 & filter_mask_] |= uint64_t{1} << (hash & 63); }

  std::string pool_;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;       // a power of two, at most half full
  std::vector<uint32_t> by_id_;   // entry + 1; 0: no such id
  std::vector<uint64_t> filter_;  // eight bits a slot
  size_t filter_mask_ = 0;        // filter_.size() - 1
  size_t longest_ = 0;
};

}  // namespace tekio
