// How the inner loop is fast. A text is cut at ASCII white space and ASCII punctuation (found 16 bytes at a time); what
// stands between is a region. Every step of the pipeline treats regions independently of one another (see Normalizer),
// so a region's ids depend on its bytes alone: short regions that become few tokens are kept in a two-way cache keyed
// by those bytes, a pair a line of memory; others in a second cache. What neither knows goes through PieceEncoder, and
// so do whole texts of tokenizers that do not treat regions independently.
#include "text/text_encoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "base/error.h"
#include "text/encoder.h"
#include "text/region_cache.h"
#include "text/tables.h"
#include "text/utf8.h"

namespace tekio {
namespace {

constexpr size_t kBlock = 16;       // bytes looked at together
constexpr size_t kBuffered = 4096;  // tokens gathered before the caller's vectors grow
constexpr int32_t kNotKnown = -1;

bool is_space(unsigned char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The compiler's own vectors (GCC, clang): this has to be inlined into the loop, where a dispatched kernel cannot be.
using Bytes = uint8_t __attribute__((vector_size(kBlock)));
using Mask = int8_t __attribute__((vector_size(kBlock)));

inline Mask in_range(Bytes bytes, uint8_t low, uint8_t high) {
  return bytes - low <= Bytes{} + static_cast<uint8_t>(high - low);
}

// The number of bytes before the first ASCII white space (TAB, LF, CR, space) or punctuation; kBlock if there is none.
inline size_t region_length(const char* at) {
  Bytes bytes;
  std::memcpy(&bytes, at, kBlock);
  const Mask word = in_range(bytes | 0x20, 'a', 'z') | in_range(bytes, '0', '9');
  const Mask border = (in_range(bytes, ' ', '~') & ~word) | in_range(bytes, '\t', '\n') | (bytes == '\r');
  std::array<uint64_t, 2> halves;  // eight bits a byte
  std::memcpy(&halves, &border, kBlock);
  static_assert(std::endian::native == std::endian::little);
  return halves[0] != 0 ? static_cast<size_t>(std::countr_zero(halves[0])) / 8
                        : 8 + static_cast<size_t>(std::countr_zero(halves[1])) / 8;
}

// Regions are independent if nothing looks beyond ASCII white space, and every ASCII punctuation character is a word.
bool regions_independent(const Tokenizer::Tables& tables) {
  using Step = PreTokenizerStep;
  const std::vector<Step>& steps = tables.pre_tokenizer.steps();
  return tables.normalized_matcher.empty() &&
         (steps == std::vector{Step::bert} || steps == std::vector{Step::whitespace_split, Step::punctuation_isolated});
}

}  // namespace

struct TextEncoder::State {
  explicit State(const Tokenizer& shared);

  void append(std::string_view text);
  void append_regions(std::string_view text);
  void append_slowly(std::string_view stretch);
  const char* run(const char* at, const char* last, const char* end);
  void append_unknown(std::string_view region, const ShortRegionCache::Key* key);
  void append_punctuation(char c);
  void compute(std::string_view region);

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
  const Tokenizer::Tables& tables;
  bool independent;
  std::vector<int32_t> before, after;          // template tokens
  std::array<int32_t, 128> punctuation_ids{};  // kNotKnown until used
  ShortRegionCache short_cache;
  LongRegionCache long_cache;
  PieceEncoder pieces_of;

  std::vector<int32_t>* ids = nullptr;  // the caller's
  std::vector<uint8_t>* starts = nullptr;
  size_t count = 0;  // tokens in the buffers, which have room for a short region's more than kBuffered
  std::array<int32_t, kBuffered + ShortRegionCache::kTokens> id_buffer;
  std::array<uint8_t, kBuffered + ShortRegionCache::kTokens> start_buffer;

  Pieces pieces;
  std::vector<uint8_t> piece_starts;
  std::vector<AddedTokenMatcher::Stretch> stretches;
  std::string storage;
};

TextEncoder::State::State(const Tokenizer& shared)
    : tokenizer(shared), tables(tokenizer.tables()), independent(regions_independent(tables)), pieces_of(tables) {
  punctuation_ids.fill(kNotKnown);
  bool text_seen = false;
  for (const TemplatePiece& piece : tables.templates.single) {
    if (piece.kind == TemplatePiece::Kind::first) text_seen = true;
    std::vector<int32_t>& side = text_seen ? after : before;
    side.insert(side.end(), piece.ids.begin(), piece.ids.end());
  }
}

void TextEncoder::State::append(std::string_view text) {
  if (text.size() > INT32_MAX)
    fail(ErrorKind::input, "a text of {} bytes is too long: at most {}", text.size(), INT32_MAX);
  text = sanitize(text, storage);
  for (const int32_t id : before) put(id, 0);
  tables.raw_matcher.cut(text, tables.added, tables.ignore_special, stretches);
  for (const AddedTokenMatcher::Stretch& stretch : stretches) {
    const std::string_view content = text.substr(stretch.begin, stretch.end - stretch.begin);
    if (stretch.token != AddedTokenMatcher::kText)
      put(tables.added[static_cast<size_t>(stretch.token)].id, 1);
    else if (independent)
      append_regions(content);
    else
      append_slowly(content);
  }
  for (const int32_t id : after) put(id, 0);
  flush();
}

void TextEncoder::State::append_regions(std::string_view text) {
  const char *at = text.data(), *const end = at + text.size();
  if (text.size() >= kBlock) at = run(at, end - kBlock, end);
  if (at == end) return;
  std::array<char, 2 * kBlock> tail;  // what is left, with spaces behind it, so that whole blocks can be read
  tail.fill(' ');
  const auto rest = static_cast<size_t>(end - at);
  std::memcpy(tail.data(), at, rest);
  run(tail.data(), tail.data() + rest - 1, tail.data() + rest);
}

// Encodes from `at` while at <= last, from where a whole block can be read; returns where it stopped, which is not
// inside a region. No region reaches beyond `end`.
const char* TextEncoder::State::run(const char* at, const char* last, const char* end) {
  while (at <= last) {
    const size_t length = region_length(at);
    if (length == 0) {
      if (!is_space(static_cast<unsigned char>(*at))) append_punctuation(*at);
      ++at;
      continue;
    }
    if (length == kBlock) [[unlikely]] {
      const char* region_end = at + kBlock;
      while (end - region_end >= static_cast<ptrdiff_t>(kBlock) && region_length(region_end) == kBlock)
        region_end += kBlock;
      if (end - region_end >= static_cast<ptrdiff_t>(kBlock)) {
        region_end += region_length(region_end);
      } else {
        std::array<char, kBlock> rest;
        rest.fill(' ');
        std::memcpy(rest.data(), region_end, static_cast<size_t>(end - region_end));
        region_end += region_length(rest.data());
      }
      append_unknown({at, static_cast<size_t>(region_end - at)}, nullptr);
      at = region_end;
      continue;
    }
    const ShortRegionCache::Key key = ShortRegionCache::key(at, length);
    if (const ShortRegionCache::Entry* entry = short_cache.find(key)) {
      std::memcpy(&id_buffer[count], entry->ids, sizeof entry->ids);
      std::memcpy(&start_buffer[count], entry->starts, sizeof entry->starts);
      count += entry->count;
      if (count >= kBuffered) [[unlikely]]
        flush();
    } else {
      append_unknown({at, length}, &key);
    }
    at += length;
    at += *at == ' ';
  }
  return at;
}

void TextEncoder::State::append_punctuation(char c) {
  int32_t& id = punctuation_ids[static_cast<unsigned char>(c)];
  if (id == kNotKnown) {
    compute({&c, 1});
    id = pieces.ids.front();
  }
  put(id, 1);
}

// A region that the short cache does not know; `key` is its key there if it is short enough.
void TextEncoder::State::append_unknown(std::string_view region, const ShortRegionCache::Key* key) {
  if (const LongRegionCache::Tokens known = long_cache.find(region); known.found) {
    put(known.ids, known.starts);
    return;
  }
  compute(region);
  put(pieces.ids, piece_starts);
  if (key != nullptr && pieces.ids.size() <= ShortRegionCache::kTokens)
    short_cache.insert(*key, pieces.ids, piece_starts);
  else
    long_cache.insert(region, pieces.ids, piece_starts);
}

void TextEncoder::State::append_slowly(std::string_view stretch) {
  compute(stretch);
  put(pieces.ids, piece_starts);
}

void TextEncoder::State::compute(std::string_view region) {
  pieces.clear();
  pieces_of.encode_stretch(region, 0, pieces);
  piece_starts.resize(pieces.ids.size());
  for (size_t i = 0; i < piece_starts.size(); ++i) piece_starts[i] = i == 0 || pieces.words[i] != pieces.words[i - 1];
}

TextEncoder::TextEncoder(const Tokenizer& tokenizer) : state_(std::make_unique<State>(tokenizer)) {}
TextEncoder::~TextEncoder() = default;
TextEncoder::TextEncoder(TextEncoder&&) noexcept = default;
TextEncoder& TextEncoder::operator=(TextEncoder&&) noexcept = default;

void TextEncoder::append(std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts) {
  state_->ids = &ids;
  state_->starts = &word_starts;
  state_->count = 0;
  state_->append(text);
}

}  // namespace tekio
