// All prefixes of what is left are hashed in one walk, then looked up from the longest down.
#include "text/word_piece.h"

#include <algorithm>

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

void WordPiece::tokenize(std::span<const AlignedChar> word, std::vector<Piece>& pieces, Scratch& scratch) const {
  pieces.clear();
  if (static_cast<int64_t>(word.size()) <= max_input_chars_per_word_) {
    scratch.bytes.resize(4 * word.size());
    scratch.ends.resize(word.size() + 1);
    uint32_t at = 0;
    for (size_t i = 0; i < word.size(); ++i) {
      scratch.ends[i] = at;
      at += static_cast<uint32_t>(encode_utf8(word[i].c, scratch.bytes.data() + at));
    }
    scratch.ends[word.size()] = at;
    scratch.bytes.resize(at);
    if (greedy(pieces, scratch)) return;
  }
  if (unknown_id_ < 0)
    fail(ErrorKind::input,
         "the text holds a word that the vocabulary cannot spell, and the vocabulary lacks the unknown token {}; add "
         "it to the vocabulary",
         printable(unknown_token_));
  pieces.assign(1, {unknown_id_, 0, static_cast<uint32_t>(word.size())});
}

bool WordPiece::greedy(std::vector<Piece>& pieces, Scratch& scratch) const {
  const std::string_view bytes = scratch.bytes;
  const std::vector<uint32_t>& ends = scratch.ends;
  const auto count = static_cast<uint32_t>(ends.size() - 1);
  for (uint32_t begin = 0; begin < count;) {
    const std::string_view prefix = begin == 0 ? std::string_view() : std::string_view(prefix_);
    scratch.hashes.clear();
    uint64_t hash = begin == 0 ? Vocabulary::kHashStart : prefix_hash_;
    uint32_t end = begin;
    while (end < count && prefix.size() + ends[end + 1] - ends[begin] <= vocabulary_.longest_token_bytes()) {
      hash = Vocabulary::hash(hash, bytes.substr(ends[end], ends[end + 1] - ends[end]));
      scratch.hashes.push_back(hash);
      ++end;
    }
    int32_t id = -1;
    for (; end > begin; --end) {
      id =
          vocabulary_.find(scratch.hashes[end - begin - 1], prefix, bytes.substr(ends[begin], ends[end] - ends[begin]));
      if (id >= 0) break;
    }
    if (id < 0) return false;
    pieces.push_back({id, begin, end});
    begin = end;
  }
  return true;
}

}  // namespace tekio
