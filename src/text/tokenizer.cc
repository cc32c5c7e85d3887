// The public Tokenizer: encoding with its truncation, template and padding, and the questions about the vocabulary.
#include <tekio/tokenizer.h>

#include <xxhash.h>

#include <algorithm>

#include "base/error.h"
#include "text/given_words.h"
#include "text/piece_encoder.h"
#include "text/tables.h"
#include "text/tokenizer_json.h"
#include "text/utf8.h"

namespace tekio {
namespace {

// All of a tokenizer's files, and those of them that say whether there is one.
constexpr const char* kFiles[] = {
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt",    "vocab.json",
    "merges.txt",     "added_tokens.json",     "sentencepiece.bpe.model", "spiece.model", "tokenizer.model"};
constexpr const char* kMainFiles[] = {"tokenizer.json",          "vocab.txt",    "vocab.json",
                                      "sentencepiece.bpe.model", "spiece.model", "tokenizer.model"};

void check_lengths(const EncodeOptions& options, int64_t template_length) {
  if (options.max_length && *options.max_length < (options.add_special_tokens ? template_length : 0))
    fail(ErrorKind::usage, "max_length must leave room for the {} tokens of the template, got {}", template_length,
         *options.max_length);
  if (options.pad_to_length && (*options.pad_to_length < 0 || *options.pad_to_length > INT32_MAX))
    fail(ErrorKind::usage, "pad_to_length must lie in [0, {}], got {}", INT32_MAX, *options.pad_to_length);
  if (options.pad_to_multiple_of && (*options.pad_to_multiple_of < 1 || *options.pad_to_multiple_of > INT32_MAX))
    fail(ErrorKind::usage, "pad_to_multiple_of must lie in [1, {}], got {}", INT32_MAX, *options.pad_to_multiple_of);
}

// How many pieces of two texts are kept in `room`: the longer is cut first, then both to the same length, where an odd
// one goes to the longer text (to the first where the tokenizer is a slow one).
std::pair<size_t, size_t> shares(size_t first, size_t second, size_t room, bool slow) {
  if (first + second <= room) return {first, second};
  const bool swapped = first > second;
  size_t shorter = std::min(first, second), longer;
  longer = shorter > room ? shorter : std::max(shorter, room - shorter);
  if (shorter + longer > room) {
    shorter = room / 2;
    longer = shorter + room % 2;
    if (slow) return {longer, shorter};
  }
  return swapped ? std::pair(longer, shorter) : std::pair(shorter, longer);
}

void append_pieces(const Pieces& pieces, size_t keep, bool keep_end, int32_t type_id, Encoding& out) {
  const auto begin = static_cast<ptrdiff_t>(keep_end ? pieces.ids.size() - keep : 0),
             end = begin + static_cast<ptrdiff_t>(keep);
  out.ids.insert(out.ids.end(), pieces.ids.begin() + begin, pieces.ids.begin() + end);
  out.word_ids.insert(out.word_ids.end(), pieces.words.begin() + begin, pieces.words.begin() + end);
  out.offsets.insert(out.offsets.end(), pieces.offsets.begin() + begin, pieces.offsets.begin() + end);
  out.type_ids.resize(out.ids.size(), type_id);
  out.special_tokens_mask.resize(out.ids.size(), 0);
}

// Takes white space off the ends of the offsets of the pieces that are kept, as the reference does.
void trim_offsets(const OffsetTrimming& trimming, const Pieces& pieces, size_t first_piece, size_t count,
                  Encoding& encoding) {
  const size_t first = encoding.offsets.size() - count;
  for (size_t i = 0; i < count; ++i) {
    auto& [begin, end] = encoding.offsets[first + i];
    auto [leading, trailing] = pieces.ends[first_piece + i];
    if (leading > 0) {
      // One space alone may be that which was put before the text, and stands nowhere in it.
      if (leading == 1 && (i == 0 || begin == 0) && trimming.add_prefix_space) leading = 0;
      begin = std::min(begin + leading, end);
    }
    if (trailing > 0 && end >= trailing) end = std::max(end - trailing, begin);
  }
}

void append_template_tokens(const TemplatePiece& piece, Encoding& out) {
  out.ids.insert(out.ids.end(), piece.ids.begin(), piece.ids.end());
  out.word_ids.resize(out.ids.size(), Encoding::kNoWord);
  out.offsets.resize(out.ids.size(), {0, 0});
  out.type_ids.resize(out.ids.size(), piece.type_id);
  out.special_tokens_mask.resize(out.ids.size(), 1);
}

template <typename T>
void extend(std::vector<T>& values, size_t count, T value, bool left) {
  values.insert(left ? values.begin() : values.end(), count, value);
}

void pad_to(Encoding& encoding, size_t length, int32_t pad_id, bool left) {
  if (encoding.ids.size() >= length) return;
  const size_t count = length - encoding.ids.size();
  extend(encoding.ids, count, pad_id, left);
  extend(encoding.type_ids, count, 0, left);
  extend(encoding.word_ids, count, Encoding::kNoWord, left);
  extend(encoding.offsets, count, {0, 0}, left);
  extend(encoding.special_tokens_mask, count, uint8_t{1}, left);
  extend(encoding.attention_mask, count, uint8_t{0}, left);
}

void append_text(PieceEncoder& encoder, std::string_view text, Pieces& pieces) {
  if (text.size() > INT32_MAX)
    fail(ErrorKind::input, "a text of {} bytes is too long: at most {}", text.size(), INT32_MAX);
  std::string storage;
  encoder.encode(sanitize(text, storage), pieces);
}

// Given words are numbered whatever the tokenizer makes of each.
void append_text(PieceEncoder& encoder, std::span<const std::string> words, Pieces& pieces) {
  if (words.size() > INT32_MAX)
    fail(ErrorKind::input, "a text of {} words is too long: at most {}", words.size(), INT32_MAX);
  for (size_t i = 0; i < words.size(); ++i) {
    const auto first = static_cast<ptrdiff_t>(pieces.words.size());
    append_text(encoder, std::string_view(words[i]), pieces);
    std::fill(pieces.words.begin() + first, pieces.words.end(), static_cast<int32_t>(i));
  }
}

// A text, or its words.
template <typename Text>
Encoding encode_texts(const Tokenizer& tokenizer, const Text& first, const std::optional<Text>& second,
                      const EncodeOptions& options) {
  const TokenizerTables& tables = TokenizerTables::of(tokenizer);
  const std::vector<TemplatePiece>& pattern = second ? tables.templates.pair : tables.templates.single;
  const int64_t template_length = template_tokens(pattern);
  check_lengths(options, template_length);
  PieceEncoder encoder(tables);
  Pieces a, b;
  append_text(encoder, first, a);
  if (second) append_text(encoder, *second, b);
  size_t room = SIZE_MAX;
  if (options.max_length)
    room = static_cast<size_t>(*options.max_length - (options.add_special_tokens ? template_length : 0));
  const auto [keep_a, keep_b] = second ? shares(a.ids.size(), b.ids.size(), room, tables.is_slow())
                                       : std::pair(std::min(a.ids.size(), room), size_t{0});

  Encoding encoding;
  const auto append = [&](const Pieces& pieces, size_t keep, int32_t type_id) {
    append_pieces(pieces, keep, options.truncate_left, type_id, encoding);
    if (tables.templates.trimming)
      trim_offsets(*tables.templates.trimming, pieces, options.truncate_left ? pieces.ids.size() - keep : 0, keep,
                   encoding);
  };
  for (const TemplatePiece& piece : pattern) {
    if (piece.kind == TemplatePiece::Kind::first)
      append(a, keep_a, piece.type_id);
    else if (piece.kind == TemplatePiece::Kind::second)
      append(b, keep_b, piece.type_id);
    else if (options.add_special_tokens)
      append_template_tokens(piece, encoding);
  }
  encoding.attention_mask.assign(encoding.ids.size(), 1);
  if (options.pad_to_length || options.pad_to_multiple_of) {
    std::vector<Encoding> batch(1);
    batch[0] = std::move(encoding);
    tokenizer.pad(batch, options);
    encoding = std::move(batch[0]);
  }
  if (!options.max_length) warn_of_length(tables, static_cast<int64_t>(encoding.ids.size()));
  return encoding;
}

}  // namespace

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  return encode_texts<std::string_view>(*this, text, std::nullopt, options);
}

Encoding Tokenizer::encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options) const {
  return encode_texts<std::string_view>(*this, first, second, options);
}

Encoding encode_words(const Tokenizer& tokenizer, std::span<const std::string> words, const EncodeOptions& options) {
  return encode_texts<std::span<const std::string>>(tokenizer, words, std::nullopt, options);
}

Encoding encode_word_pair(const Tokenizer& tokenizer, std::span<const std::string> first,
                          std::span<const std::string> second, const EncodeOptions& options) {
  return encode_texts<std::span<const std::string>>(tokenizer, first, second, options);
}

void Tokenizer::pad(std::vector<Encoding>& batch, const EncodeOptions& options) const {
  check_lengths({.max_length = std::nullopt,
                 .pad_to_length = options.pad_to_length,
                 .pad_to_multiple_of = options.pad_to_multiple_of},
                0);
  size_t length = static_cast<size_t>(options.pad_to_length.value_or(0));
  if (!options.pad_to_length)
    for (const Encoding& encoding : batch) length = std::max(length, encoding.ids.size());
  const auto multiple = static_cast<size_t>(options.pad_to_multiple_of.value_or(1));
  length = (length + multiple - 1) / multiple * multiple;
  const bool needed = std::any_of(batch.begin(), batch.end(), [&](const Encoding& e) { return e.ids.size() < length; });
  if (!needed) return;
  if (!pad_id())
    fail(ErrorKind::usage, "cannot pad: the tokenizer has no padding token (pad_token in tokenizer_config.json)");
  for (Encoding& encoding : batch) pad_to(encoding, length, *pad_id(), options.pad_left);
}

std::optional<int32_t> Tokenizer::token_to_id(std::string_view token) const { return tables_->id_of(token); }

std::string Tokenizer::id_to_token(int32_t id) const {
  const auto token = tables_->token_of(id);
  if (!token) fail(ErrorKind::usage, "no token has the id {}; the vocabulary has {} entries", id, vocabulary_size());
  return std::string(*token);
}

int64_t Tokenizer::vocabulary_size() const {
  const Vocabulary& vocabulary = tables_->model.vocabulary();
  return static_cast<int64_t>(vocabulary.size()) +
         std::count_if(tables_->added.begin(), tables_->added.end(),
                       [&](const AddedToken& token) { return vocabulary.find(token.content) < 0; });
}

int64_t Tokenizer::base_vocabulary_size() const { return static_cast<int64_t>(tables_->model.vocabulary().size()); }

int64_t Tokenizer::model_max_length() const { return tables_->model_max_length; }

Tokenizer Tokenizer::with_model_max_length(int64_t length) const {
  if (length < 1) fail(ErrorKind::usage, "model_max_length must be at least 1, got {}", length);
  auto tables = std::make_shared<TokenizerTables>(*tables_);
  tables->model_max_length = length;
  return Tokenizer(std::move(tables));
}

bool Tokenizer::is_in(const std::filesystem::path& folder) {
  // What cannot be opened is not passed over: a link that leads nowhere counts.
  return std::any_of(std::begin(kMainFiles), std::end(kMainFiles), [&](const char* name) {
    std::error_code ignored;
    return std::filesystem::symlink_status(folder / name, ignored).type() != std::filesystem::file_type::not_found;
  });
}

bool Tokenizer::is_among(std::span<const std::string> names) {
  return std::any_of(std::begin(kMainFiles), std::end(kMainFiles),
                     [&](const char* name) { return std::find(names.begin(), names.end(), name) != names.end(); });
}

std::span<const char* const> Tokenizer::files() { return kFiles; }

std::optional<int32_t> Tokenizer::mask_id() const { return tables_->id_of_role(kMask); }
std::optional<int32_t> Tokenizer::pad_id() const { return tables_->id_of_role(kPad); }
std::optional<int32_t> Tokenizer::unknown_id() const { return tables_->id_of_role(kUnknown); }
std::optional<int32_t> Tokenizer::cls_id() const { return tables_->id_of_role(kCls); }
std::optional<int32_t> Tokenizer::sep_id() const { return tables_->id_of_role(kSep); }
std::string Tokenizer::mask_token() const { return tables_->roles[kMask]; }

const std::vector<int32_t>& Tokenizer::all_special_ids() const { return tables_->all_special_ids; }

std::pair<int64_t, int64_t> Tokenizer::template_lengths() const {
  std::pair<int64_t, int64_t> lengths{0, 0};
  bool before = true;
  for (const TemplatePiece& piece : tables_->templates.single) {
    if (piece.kind == TemplatePiece::Kind::first) before = false;
    (before ? lengths.first : lengths.second) += static_cast<int64_t>(piece.ids.size());
  }
  return lengths;
}

void Tokenizer::set_length_warning(bool on) {
  tables_->length_warning = on ? TokenizerTables::Warning::armed : TokenizerTables::Warning::off;
}

// tokenizer.json as it would be written holds all that an id depends on, in one form whatever files were read.
std::string Tokenizer::digest() const {
  const std::string text = write_tokenizer_json(*tables_) + (tables_->ignore_special ? "split" : "");
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace tekio
