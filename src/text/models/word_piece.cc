// All beginnings of what is left are hashed in one walk; those that may be tokens are looked up from the longest down.
#include "text/models/word_piece.h"

#include <cstring>
#include <numeric>

#include "base/error.h"
#include "text/utf8.h"

namespace tekio {

WordPiece::WordPiece(Vocabulary vocabulary, std::string unknown_token, std::string prefix,
                     int64_t max_input_chars_per_word)
    : vocabulary_(std::move(vocabulary)),
      unknown_token_(std::move(unknown_token)),
      prefix_(std::move(prefix)),
      max_input_chars_per_word_(max_input_chars_per_word),
      unknown_id_(vocabulary_.find(unknown_token_)),
      prefix_hash_(Vocabulary::hash(Vocabulary::kHashStart, prefix_)) {}

void WordPiece::tokenize(std::span<const AlignedChar> word, std::vector<SubwordPiece>& pieces, Scratch& scratch) const {
  scratch.ends.resize(word.size() + 1);
  scratch.bytes.resize(prefix_.size() + 4 * word.size() + Vocabulary::kReadable);
  char *const begin = scratch.bytes.data() + prefix_.size(), *at = begin;
  for (size_t i = 0; i < word.size(); ++i) {
    scratch.ends[i] = static_cast<uint32_t>(at - begin);
    at += encode_utf8(word[i].c, at);
  }
  scratch.ends[word.size()] = static_cast<uint32_t>(at - begin);
  spell(pieces, scratch);
}

void WordPiece::tokenize_ascii(std::string_view word, std::vector<SubwordPiece>& pieces, Scratch& scratch) const {
  scratch.ends.resize(word.size() + 1);
  std::iota(scratch.ends.begin(), scratch.ends.end(), 0);
  scratch.bytes.resize(prefix_.size() + word.size() + Vocabulary::kReadable);
  word.copy(scratch.bytes.data() + prefix_.size(), word.size());
  spell(pieces, scratch);
}

void WordPiece::spell(std::vector<SubwordPiece>& pieces, Scratch& scratch) const {
  const size_t characters = scratch.ends.size() - 1;
  if (static_cast<int64_t>(characters) <= max_input_chars_per_word_ && greedy(pieces, scratch)) return;
  if (unknown_id_ < 0)
    fail(ErrorKind::input,
         "the text holds a word that the vocabulary cannot spell, and the vocabulary lacks the unknown token {}; add "
         "it to the vocabulary",
         printable(unknown_token_));
  pieces.assign(1, {unknown_id_, 0, static_cast<uint32_t>(characters)});
}

bool WordPiece::greedy(std::vector<SubwordPiece>& pieces, Scratch& scratch) const {
  const std::vector<uint32_t>& ends = scratch.ends;
  const auto count = static_cast<uint32_t>(ends.size() - 1);
  scratch.hashes.resize(count);
  scratch.candidates.resize(count);
  pieces.clear();
  for (uint32_t begin = 0; begin < count;) {
    const size_t prefix = begin == 0 ? 0 : prefix_.size();
    char* const word = scratch.bytes.data() + prefix_.size();
    char* const rest = word + ends[begin] - prefix;
    std::memcpy(rest, prefix_.data(), prefix);  // over what is spelt already
    uint64_t hash = begin == 0 ? Vocabulary::kHashStart : prefix_hash_;
    size_t candidates = 0;
    for (uint32_t end = begin; end < count;) {
      const uint32_t from = ends[end++];
      if (prefix + ends[end] - ends[begin] > vocabulary_.longest_token_bytes()) break;
      hash = Vocabulary::hash(hash, {word + from, ends[end] - from});
      scratch.hashes[candidates] = hash;
      scratch.candidates[candidates] = end;
      candidates += vocabulary_.may_have(hash);
    }
    int32_t id = -1;
    while (candidates > 0 && id < 0) {
      --candidates;
      const uint32_t end = scratch.candidates[candidates];
      id = vocabulary_.find(scratch.hashes[candidates], rest, prefix + ends[end] - ends[begin]);
      if (id >= 0) pieces.push_back({id, begin, end});
    }
    if (id < 0) return false;
    begin = pieces.back().end;
  }
  return true;
}

}  // namespace tekio
