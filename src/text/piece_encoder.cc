// Words are numbered over the whole text; an added token counts as one word.
#include "text/piece_encoder.h"

#include "text/byte_level.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace tekio {
namespace {

int32_t characters(std::string_view text) {
  int32_t count = 0;
  for (const char byte : text) count += (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  return count;
}

bool is_trimmed_space(char32_t c) { return c == byte_level::kSpace || unicode::is(c, unicode::kWhiteSpace); }

}  // namespace

void Pieces::clear() {
  ids.clear();
  words.clear();
  offsets.clear();
  ends.clear();
  word_count = 0;
}

void PieceEncoder::append_token(int32_t id, std::string_view content, int32_t begin, int32_t end, Pieces& out) {
  out.ids.push_back(id);
  out.words.push_back(out.word_count++);
  out.offsets.emplace_back(begin, end);
  note_ends(content, out);
}

void PieceEncoder::note_ends(std::string_view token, Pieces& out) const {
  if (!tables_->templates.trimming) return;
  Pieces::Ends ends{0, 0};
  const char *at = token.data(), *end = at + token.size();
  while (at < end && is_trimmed_space(decode_utf8(at))) ++ends.leading;
  while (end > token.data() && is_trimmed_space(decode_utf8_before(end))) ++ends.trailing;
  out.ends.push_back(ends);
}

void PieceEncoder::encode(std::string_view text, Pieces& out) {
  tables_->raw_matcher.cut(text, tables_->added, tables_->ignore_special, stretches_);
  size_t counted = 0;  // bytes whose characters are in `first`
  int32_t first = 0;
  for (const AddedTokenMatcher::Stretch& stretch : stretches_) {
    // A token that begins with white space may begin inside what the token before took along: then count anew.
    if (stretch.begin < counted) counted = 0, first = 0;
    first += characters(text.substr(counted, stretch.begin - counted));
    counted = stretch.begin;
    const std::string_view content = text.substr(stretch.begin, stretch.end - stretch.begin);
    if (stretch.token == AddedTokenMatcher::kText)
      encode_stretch(content, first, out);
    else
      append_token(tables_->added[static_cast<size_t>(stretch.token)].id, content, first, first + characters(content),
                   out);
  }
}

void PieceEncoder::encode_stretch(std::string_view stretch, int32_t first, Pieces& out) {
  text_.clear();
  append_aligned(stretch, first, text_);
  tables_->normalizer.apply(text_, first);
  if (tables_->normalized_matcher.empty()) {
    encode_normalized({0, text_.size()}, out);
    return;
  }
  spelt_.spell(text_);
  tables_->normalized_matcher.cut(spelt_.bytes, tables_->added, tables_->ignore_special, inner_);
  for (const AddedTokenMatcher::Stretch& inner : inner_) {
    const size_t begin = spelt_.character_at[inner.begin], end = spelt_.character_at[inner.end];
    if (inner.token == AddedTokenMatcher::kText)
      encode_normalized({begin, end}, out);
    else
      append_token(tables_->added[static_cast<size_t>(inner.token)].id,
                   std::string_view(spelt_.bytes).substr(inner.begin, inner.end - inner.begin), text_[begin].begin,
                   text_[end - 1].end, out);
  }
}

// What a token is to the library: its text, but Unigram's unknown one is what it stands for. The piece of a byte may be
// the unknown one, too.
std::string_view PieceEncoder::written(const SubwordPiece& piece, std::span<const AlignedChar> word) {
  const std::string_view token = *tables_->model.vocabulary().token(piece.id);
  const auto* unigram = tables_->model.as<Unigram>();
  if (unigram == nullptr || piece.id != unigram->options().unknown_id) return token;
  unknown_.spell(word.subspan(piece.begin, piece.end - piece.begin));
  return unigram->falls_back(unknown_.bytes) ? token : std::string_view(unknown_.bytes);
}

void PieceEncoder::encode_normalized(Split piece, Pieces& out) {
  tables_->pre_tokenizer.split(text_, piece, split_);
  for (const Split& split : split_.splits) {
    const std::span<const AlignedChar> word = split_.of(split);
    tables_->model.tokenize(word, pieces_, scratch_);
    for (const SubwordPiece& p : pieces_) {
      out.ids.push_back(p.id);
      out.words.push_back(out.word_count);
      out.offsets.emplace_back(word[p.begin].begin, word[p.end - 1].end);
      if (tables_->templates.trimming) note_ends(written(p, word), out);
    }
    ++out.word_count;
  }
}

}  // namespace tekio
