// How the inner loop is fast. A text is cut into regions whose ids depend on their bytes alone: short regions that
// become few tokens are kept in a two-way cache keyed by those bytes, a pair a line of memory, and lines are fetched
// for some regions ahead; longer ones have a second cache. Regions are
// - of BERT's kind of pipeline, what stands between ASCII white space, and ASCII punctuation (RegionScanner): every
// step
//   treats these independently of one another (see Normalizer::is_local). Words of ASCII letters and digits that are
//   not in a cache are spelt at once, the rest goes through PieceEncoder;
// - of byte-level vocabularies, the words of the normalized text (ByteLevelScanner), which the model takes as bytes;
// - of Unigram's, what stands between white space, or behind a space (UnigramCut, SpaceScanner). Those of ASCII alone
//   are spelt at once, the rest goes through PieceEncoder. Where the whole text is one split, it is made without
//   places, and cut where no token reaches over (PieceScanner). Scores are added up along the whole text, and the last
//   bits of the sum may decide what is best: a part is kept only if it is best by far, and any other is spelt anew with
//   the sum up to it.
// Whole texts of all other tokenizers go through PieceEncoder.
#include "text/text_encoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "base/error.h"
#include "text/byte_level_scanner.h"
#include "text/piece_borders.h"
#include "text/piece_encoder.h"
#include "text/region_cache.h"
#include "text/region_scanner.h"
#include "text/space_scanner.h"
#include "text/tables.h"
#include "text/unigram_cut.h"
#include "text/utf8.h"

namespace tekio {
namespace {

constexpr size_t kKeyBytes = 16;    // read where a short region's key is made
constexpr size_t kGroup = 32;       // regions whose cache lines are fetched at a time
constexpr size_t kBuffered = 4096;  // tokens gathered before the caller's vectors grow

// What is best by kLead is so whatever rounding does to a sum of at most kLargestSum: a part that is kept has at most
// 256 bytes, so that two sums of its scores, each rounded 256 times by up to 2^-53 of itself, are off by less.
constexpr double kLead = 1e-5, kLargestSum = 5e7;

// The model if regions are independent: if nothing looks beyond ASCII white space, and every ASCII punctuation
// character is a word. Else nullptr.
const WordPiece* model_of_regions(const TokenizerTables& tables) {
  using Steps = std::vector<PreTokenizerStep>;
  const Steps& steps = tables.pre_tokenizer.steps();
  const bool independent =
      tables.normalized_matcher.empty() && tables.normalizer.is_local() &&
      (steps == Steps{BertPreTokenization{}} || steps == Steps{WhitespaceSplitting{}, PunctuationSplitting{}});
  return independent ? tables.model.as<WordPiece>() : nullptr;
}

// The model if it takes the words of GPT-2's pattern as bytes. Else nullptr.
const Bpe* model_of_bytes(const TokenizerTables& tables) {
  const std::vector<PreTokenizerStep>& steps = tables.pre_tokenizer.steps();
  const auto* cut = steps.size() == 1 ? std::get_if<ByteLevelPreTokenization>(&steps[0]) : nullptr;
  const auto* model = tables.model.as<Bpe>();
  return cut != nullptr && cut->use_regex && model != nullptr && model->spells_bytes() ? model : nullptr;
}

}  // namespace

struct TextEncoder::State {
  explicit State(const Tokenizer& shared);

  void append(std::string_view text);
  void append(std::span<const std::string_view> words);
  void append_content(std::string_view text);
  template <typename Scanner>
  void append_regions(Scanner& scanner, std::string_view text);
  struct NormalForm {
    std::string_view text;  // the stretch, or `normalized`
    bool begins_text;       // its first character is what the whole text begins with
    bool begins_inserted;   // it stands for none
  };
  NormalForm normalize(std::string_view stretch, bool at_beginning);
  void append_bytes(std::string_view stretch, bool at_beginning);
  void append_words_of_bytes(std::string_view text);
  void append_unigram(std::string_view stretch, bool at_beginning);
  void append_from_spaces(std::string_view stretch, bool at_beginning);
  void append_whole(std::string_view stretch, bool at_beginning);
  void append_part(std::string_view part, const ShortRegionCache::Key& key);
  void sum_up();
  void append_slowly(std::string_view stretch, bool at_beginning);
  void append_unknown(std::string_view region, const ShortRegionCache::Key& key);
  bool make_plain_region(std::string_view region);
  void compute(std::string_view region, bool at_beginning);
  void compute_plain();
  void compute_bytes(std::string_view region);

  void append_to(std::vector<int32_t>& all_ids, std::vector<uint8_t>& word_starts) {
    ids = &all_ids;
    starts = &word_starts;
    count = 0;
  }
  void put(int32_t id, uint8_t start) {
    id_buffer[count] = id;
    start_buffer[count] = start;
    if (++count >= kBuffered) flush();
  }
  void put(std::span<const int32_t> new_ids, std::span<const uint8_t> new_starts) {
    for (size_t i = 0; i < new_ids.size(); ++i) put(new_ids[i], new_starts[i]);
  }
  void flush() {
    ids->insert(ids->end(), id_buffer.begin(), id_buffer.begin() + static_cast<ptrdiff_t>(count));
    starts->insert(starts->end(), start_buffer.begin(), start_buffer.begin() + static_cast<ptrdiff_t>(count));
    count = 0;
  }

  Tokenizer tokenizer;
  const TokenizerTables& tables;
  const WordPiece* word_piece;  // the model, where regions are those of BERT's kind
  const Bpe* bpe;               // the model, where they are words of bytes
  UnigramCut unigram_cut;
  const Unigram* unigram;  // the model, where it has any
  bool is_whole;           // a text is one split of it
  PieceBorders borders;    // of that
  bool lowercases, adds_space = false;
  std::vector<int32_t> before, after;  // template tokens
  RegionScanner region_scanner;
  ByteLevelScanner byte_scanner;
  SpaceScanner space_scanner;
  PieceScanner piece_scanner;
  ShortRegionCache short_cache;
  LongRegionCache long_cache;
  PieceEncoder pieces_of;

  std::vector<int32_t>* ids = nullptr;  // the caller's
  std::vector<uint8_t>* starts = nullptr;
  static_assert(RegionScanner::kWindow == ByteLevelScanner::kWindow &&
                RegionScanner::kWindow == SpaceScanner::kWindow && RegionScanner::kWindow == PieceScanner::kWindow);
  static constexpr size_t kBuffer = kBuffered + RegionScanner::kWindow * ShortRegionCache::kTokens;
  size_t count = 0;  // tokens in the buffers, which have room for a window's regions when there are kBuffered
  std::array<int32_t, kBuffer> id_buffer;
  std::array<uint8_t, kBuffer> start_buffer;

  Pieces pieces;
  std::string plain;
  std::vector<SubwordPiece> word_pieces;
  SubwordModel::Scratch scratch;
  std::vector<uint8_t> piece_starts;
  std::vector<AddedTokenMatcher::Stretch> stretches, inner;
  std::string storage, normalized, with_space;
  // Of a split that is spelt in parts: the sum of its tokens' scores as far as the token with the number `summed`,
  // counted with what the caller's vector had.
  double sum = 0;
  size_t summed = 0;
};

TextEncoder::State::State(const Tokenizer& shared)
    : tokenizer(shared),
      tables(TokenizerTables::of(tokenizer)),
      word_piece(model_of_regions(tables)),
      bpe(model_of_bytes(tables)),
      unigram_cut(tables),
      unigram(unigram_cut.kind() == UnigramCut::Kind::none ? nullptr : tables.model.as<Unigram>()),
      is_whole(unigram_cut.kind() == UnigramCut::Kind::whole),
      borders(is_whole ? PieceBorders(*unigram) : PieceBorders()),
      lowercases(tables.normalizer.lowercases()),
      space_scanner(unigram_cut.kind() == UnigramCut::Kind::words ? SpaceScanner::Regions::between_white_space
                                                                  : SpaceScanner::Regions::from_space),
      piece_scanner(borders),
      pieces_of(tables) {
  if (bpe != nullptr) adds_space = std::get<ByteLevelPreTokenization>(tables.pre_tokenizer.steps()[0]).add_prefix_space;
  bool text_seen = false;
  for (const TemplatePiece& piece : tables.templates.single) {
    if (piece.kind == TemplatePiece::Kind::first) text_seen = true;
    std::vector<int32_t>& side = text_seen ? after : before;
    side.insert(side.end(), piece.ids.begin(), piece.ids.end());
  }
}

void TextEncoder::State::append(std::string_view text) {
  for (const int32_t id : before) put(id, 0);
  append_content(text);
  for (const int32_t id : after) put(id, 0);
  flush();
}

void TextEncoder::State::append(std::span<const std::string_view> words) {
  for (const int32_t id : before) put(id, 0);
  for (const std::string_view word : words) {
    flush();
    const size_t begin = starts->size();
    append_content(word);
    flush();
    if (begin == starts->size()) continue;
    std::fill(starts->begin() + static_cast<ptrdiff_t>(begin), starts->end(), uint8_t{0});
    (*starts)[begin] = 1;
  }
  for (const int32_t id : after) put(id, 0);
  flush();
}

void TextEncoder::State::append_content(std::string_view text) {
  if (text.size() > INT32_MAX)
    fail(ErrorKind::input, "a text of {} bytes is too long: at most {}", text.size(), INT32_MAX);
  text = sanitize(text, storage);
  tables.raw_matcher.cut(text, tables.added, tables.ignore_special, stretches);
  for (const AddedTokenMatcher::Stretch& stretch : stretches) {
    const std::string_view content = text.substr(stretch.begin, stretch.end - stretch.begin);
    if (stretch.token != AddedTokenMatcher::kText)
      put(tables.added[static_cast<size_t>(stretch.token)].id, 1);
    else if (word_piece != nullptr)
      append_regions(region_scanner, content);
    else if (bpe != nullptr)
      append_bytes(content, stretch.begin == 0);
    else if (unigram != nullptr)
      append_unigram(content, stretch.begin == 0);
    else
      append_slowly(content, stretch.begin == 0);
  }
}

template <typename Scanner>
void TextEncoder::State::append_regions(Scanner& scanner, std::string_view text) {
  // The last bytes once more, where a key can be read from any of them.
  std::array<char, 2 * kKeyBytes> tail{};
  const size_t tail_begin = text.size() - std::min(text.size(), kKeyBytes);
  std::memcpy(tail.data(), text.data() + tail_begin, text.size() - tail_begin);
  std::array<ShortRegionCache::Key, kGroup> keys;
  scanner.start(text);
  while (scanner.next()) {
    for (size_t first = 0; first < scanner.count(); first += kGroup) {
      const size_t last = std::min(first + kGroup, scanner.count());
      for (size_t i = first; i < last; ++i) {
        const size_t begin = scanner.begin(i), length = std::min(scanner.end(i) - begin, ShortRegionCache::kBytes);
        const char* at = begin < tail_begin ? text.data() + begin : tail.data() + (begin - tail_begin);
        short_cache.make_key(at, length, keys[i - first]);
      }
      for (size_t i = first; i < last; ++i) {
        const ShortRegionCache::Key& key = keys[i - first];
        const size_t begin = scanner.begin(i), length = scanner.end(i) - begin;
        const ShortRegionCache::Entry* entry = short_cache.find(key);
        if (length > ShortRegionCache::kBytes || entry == nullptr) [[unlikely]] {
          append_unknown(text.substr(begin, length), key);
          continue;
        }
        entry->copy_to(&id_buffer[count], &start_buffer[count]);
        count += entry->count();
      }
    }
    if (count >= kBuffered) flush();
  }
}

TextEncoder::State::NormalForm TextEncoder::State::normalize(std::string_view stretch, bool at_beginning) {
  if (tables.normalizer.keeps(stretch)) return {stretch, at_beginning, false};
  const int32_t first = at_beginning ? 0 : 1;
  AlignedText text;
  append_aligned(stretch, first, text);
  tables.normalizer.apply(text, first);
  normalized.clear();
  for (const AlignedChar& a : text) append_utf8(normalized, a.c);
  return {normalized, !text.empty() && text[0].begin == 0, !text.empty() && text[0].begin == text[0].end};
}

// The stretch's normal form, with the added tokens that are looked for there cut out.
void TextEncoder::State::append_bytes(std::string_view stretch, bool at_beginning) {
  const NormalForm form = normalize(stretch, at_beginning);
  if (form.begins_inserted) return append_slowly(stretch, at_beginning);
  stretch = form.text;
  if (stretch.size() > INT32_MAX)
    fail(ErrorKind::input, "a normalized text of {} bytes is too long: at most {}", stretch.size(), INT32_MAX);
  if (tables.normalized_matcher.empty()) return append_words_of_bytes(stretch);
  tables.normalized_matcher.cut(stretch, tables.added, tables.ignore_special, inner);
  for (const AddedTokenMatcher::Stretch& piece : inner) {
    if (piece.token != AddedTokenMatcher::kText)
      put(tables.added[static_cast<size_t>(piece.token)].id, 1);
    else
      append_words_of_bytes(stretch.substr(piece.begin, piece.end - piece.begin));
  }
}

void TextEncoder::State::append_words_of_bytes(std::string_view text) {
  if (adds_space && !text.empty() && text[0] != ' ') {
    with_space.assign(1, ' ').append(text);
    text = with_space;
  }
  append_regions(byte_scanner, text);
}

// A region that the short cache does not know; `key` is its key there if it is short enough.
void TextEncoder::State::append_unknown(std::string_view region, const ShortRegionCache::Key& key) {
  if (is_whole) return append_part(region, key);
  const bool is_short = region.size() <= ShortRegionCache::kBytes;
  const bool is_plain = make_plain_region(region);
  // A short plain word that is not in its cache is spelt as fast as it would be found in the other.
  const bool is_cheap = is_short && is_plain && word_piece != nullptr;
  if (!is_cheap) {
    if (const LongRegionCache::Tokens known = long_cache.find(region); known.found) {
      put(known.ids, known.starts);
      return;
    }
  }
  if (bpe != nullptr)
    compute_bytes(region);
  else if (is_plain)
    compute_plain();
  else
    compute(region, false);
  put(pieces.ids, piece_starts);
  if (is_short && pieces.ids.size() <= ShortRegionCache::kTokens)
    short_cache.insert(key, pieces.ids, piece_starts);
  else if (!is_cheap)
    long_cache.insert(region, pieces.ids, piece_starts);
}

bool TextEncoder::State::make_plain_region(std::string_view region) {
  if (unigram != nullptr) return unigram_cut.make_split(region, plain);
  return bpe == nullptr && make_plain(region, lowercases, plain);
}

void TextEncoder::State::append_unigram(std::string_view stretch, bool at_beginning) {
  if (is_whole)
    append_whole(stretch, at_beginning);
  else if (unigram_cut.is_joined(stretch))
    append_slowly(stretch, at_beginning);
  else if (unigram_cut.kind() == UnigramCut::Kind::spaces)
    append_from_spaces(stretch, at_beginning);
  else
    append_regions(space_scanner, stretch);
}

// A visible space may be put before the first region, which is then like any other.
void TextEncoder::State::append_from_spaces(std::string_view stretch, bool at_beginning) {
  if (stretch[0] != ' ' && unigram_cut.adds_space(at_beginning)) {
    if (unigram_cut.is_plain(stretch[0])) {
      with_space.assign(1, ' ').append(stretch);
      return append_regions(space_scanner, with_space);
    }
    const size_t end = std::min(stretch.find(' '), stretch.size());
    append_slowly(stretch.substr(0, end), at_beginning);
    stretch.remove_prefix(end);
  }
  append_regions(space_scanner, stretch);
}

void TextEncoder::State::append_whole(std::string_view stretch, bool at_beginning) {
  const NormalForm form = normalize(stretch, at_beginning);
  stretch = form.text;
  at_beginning = form.begins_text;
  unigram_cut.make_whole_split(stretch, at_beginning, plain);
  if (plain.size() > INT32_MAX)
    fail(ErrorKind::input, "a normalized text of {} bytes is too long: at most {}", plain.size(), INT32_MAX);
  if (plain.empty()) return;
  if (static_cast<double>(plain.size()) * unigram->largest_weight() > kLargestSum) {
    compute_plain();
    return put(pieces.ids, piece_starts);
  }
  const size_t first = ids->size() + count;
  sum = 0;
  summed = first;
  append_regions(piece_scanner, plain);
  (first < starts->size() ? (*starts)[first] : start_buffer[first - starts->size()]) = 1;
}

// A part of `plain` that the short cache does not know.
void TextEncoder::State::append_part(std::string_view part, const ShortRegionCache::Key& key) {
  if (const LongRegionCache::Tokens known = long_cache.find(part); known.found) return put(known.ids, known.starts);
  sum_up();
  const Unigram::Way way = unigram->tokenize_part(part, sum, pieces.ids, scratch.unigram);
  piece_starts.assign(pieces.ids.size(), 0);
  put(pieces.ids, piece_starts);
  sum = way.sum;
  summed = ids->size() + count;
  if (way.lead < kLead || way.holds_unknown) return;
  if (part.size() <= ShortRegionCache::kBytes && pieces.ids.size() <= ShortRegionCache::kTokens)
    short_cache.insert(key, pieces.ids, piece_starts);
  else
    long_cache.insert(part, pieces.ids, piece_starts);
}

// Adds the tokens that caches gave since.
void TextEncoder::State::sum_up() {
  const std::vector<double>& weights = unigram->weights();
  for (; summed < ids->size(); ++summed) sum += weights[static_cast<size_t>((*ids)[summed])];
  for (; summed < ids->size() + count; ++summed) sum += weights[static_cast<size_t>(id_buffer[summed - ids->size()])];
}

void TextEncoder::State::append_slowly(std::string_view stretch, bool at_beginning) {
  compute(stretch, at_beginning);
  put(pieces.ids, piece_starts);
}

void TextEncoder::State::compute(std::string_view region, bool at_beginning) {
  pieces.clear();
  pieces_of.encode_stretch(region, at_beginning ? 0 : 1, pieces);
  piece_starts.resize(pieces.ids.size());
  for (size_t i = 0; i < piece_starts.size(); ++i) piece_starts[i] = i == 0 || pieces.words[i] != pieces.words[i - 1];
}

// What `plain` holds.
void TextEncoder::State::compute_plain() {
  pieces.clear();
  if (unigram != nullptr) {
    unigram->tokenize_utf8(plain, pieces.ids, scratch.unigram);
  } else {
    word_piece->tokenize_ascii(plain, word_pieces, scratch.word_piece);
    for (const SubwordPiece& piece : word_pieces) pieces.ids.push_back(piece.id);
  }
  piece_starts.assign(pieces.ids.size(), 0);
  piece_starts.front() = 1;
}

void TextEncoder::State::compute_bytes(std::string_view region) {
  bpe->tokenize_bytes(region, pieces.ids, scratch.bpe);
  piece_starts.assign(pieces.ids.size(), 0);
  piece_starts.front() = 1;
}

TextEncoder::TextEncoder(const Tokenizer& tokenizer) : state_(std::make_unique<State>(tokenizer)) {}
TextEncoder::~TextEncoder() = default;
TextEncoder::TextEncoder(TextEncoder&&) noexcept = default;
TextEncoder& TextEncoder::operator=(TextEncoder&&) noexcept = default;

void TextEncoder::append(std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts) {
  state_->append_to(ids, word_starts);
  state_->append(text);
}

void TextEncoder::append(std::span<const std::string_view> words, std::vector<int32_t>& ids,
                         std::vector<uint8_t>& word_starts) {
  state_->append_to(ids, word_starts);
  state_->append(words);
}

}  // namespace tekio
