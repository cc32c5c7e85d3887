#include "text/piece_borders.h"

#include <algorithm>
#include <bit>

#include "text/utf8.h"

namespace tekio {

PieceBorders::PieceBorders(const Unigram& model) : spelt_(0x110000 / 64) {
  const Vocabulary& vocabulary = model.vocabulary();
  const auto for_each_piece = [&](const auto& use) {
    for (int64_t id = 0; id < vocabulary.id_end(); ++id)
      if (const auto piece = vocabulary.token(id); piece && !piece->empty()) use(id, *piece);
  };
  size_t bytes = 0;
  for_each_piece([&](int64_t, std::string_view piece) { bytes += piece.size(); });
  const size_t words = std::bit_ceil(bytes / 16 + 1);  // about eight bits a pair
  pairs_.assign(words, 0);
  shift_ = 64 - std::countr_zero(64 * words);
  const auto mark = [](std::vector<uint64_t>& bits, uint64_t at) { bits[at / 64] |= uint64_t{1} << (at % 64); };
  std::vector<char32_t> ends;  // of the unknown token: such tokens, too, are one where several stand in a row
  for_each_piece([&](int64_t id, std::string_view piece) {
    const char* at = piece.data();
    char32_t before = decode_utf8(at);
    if (at == piece.data() + piece.size()) mark(spelt_, before);
    if (id == model.options().unknown_id) ends.push_back(before);
    while (at < piece.data() + piece.size()) {
      const char32_t c = decode_utf8(at);
      mark(pairs_, place_of(before, c));
      before = c;
    }
    if (id == model.options().unknown_id) ends.push_back(before);
  });
  for (const char32_t c : ends) spelt_[c / 64] &= ~(uint64_t{1} << (c % 64));
  for (char32_t a = 0; a < kAscii; ++a)
    for (char32_t b = 0; b < kAscii; ++b)
      if (!is_pair(a, b) && (is_spelt(a) || is_spelt(b))) ascii_[a][b / 64] |= uint64_t{1} << (b % 64);
}

void PieceScanner::start(std::string_view text) {
  text_ = text;
  position_ = count_ = 0;
  begins_[0] = 0;
}

bool PieceScanner::next() {
  if (position_ == text_.size()) return false;
  go_on();
  size_t begun = 1;
  const char* at = text_.data() + position_;
  const char* const end = text_.data() + text_.size();
  const char* const stop = at + std::min(kWindow - 1, text_.size() - position_);
  char32_t before = before_;
  if (position_ == 0) before = decode_utf8(at);
  while (at < stop) {
    begins_[begun] = static_cast<uint32_t>(at - text_.data());
    const char32_t c = decode_utf8(at);
    begun += borders_.between(before, c);
    before = c;
  }
  before_ = before;
  position_ = static_cast<size_t>(at - text_.data());
  if (at == end) begins_[begun++] = static_cast<uint32_t>(text_.size());
  count_ = begun - 1;
  return true;
}

}  // namespace tekio
