// The message's fields, by number (sentencepiece_model.proto): 1 pieces (1 text, 2 score, 3 type), 2 how it was trained
// (3 the model's kind, 35 byte_fallback, 40 to 42 ids, 45 to 47 pieces of special tokens), 3 normalizer (2 charsmap).
#include "text/sentencepiece.h"

#include <simdjson.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <map>

#include "base/base64.h"
#include "base/error.h"
#include "base/log.h"
#include "text/vocabulary.h"

namespace tekio {
namespace {

// One message of protocol buffers, field by field.
class MessageReader {
 public:
  enum Wire : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  struct Field {
    uint64_t number = 0;
    Wire wire = kVarint;
    uint64_t value = 0;      // of numbers
    std::string_view bytes;  // of the rest
    bool is(uint64_t wanted, Wire kind) const { return number == wanted && wire == kind; }
  };

  MessageReader(std::string_view bytes, const std::string& where) : rest_(bytes), where_(where) {}

  // False at the message's end.
  bool next(Field& field) {
    if (rest_.empty()) return false;
    const uint64_t key = varint();
    field = {key >> 3, static_cast<Wire>(key & 7), 0, {}};
    if (field.number == 0) refuse();
    switch (field.wire) {
      case kVarint:
        field.value = varint();
        return true;
      case kFixed64:
        field.value = fixed<uint64_t>();
        return true;
      case kFixed32:
        field.value = fixed<uint32_t>();
        return true;
      case kBytes:
        field.bytes = take(varint());
        return true;
    }
    refuse();
  }

 private:
  [[noreturn]] void refuse() const {
    fail(ErrorKind::input, "{} is no model of SentencePiece, or was cut off: its fields do not fit into its bytes",
         where_);
  }

  std::string_view take(uint64_t size) {
    if (size > rest_.size()) refuse();
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    refuse();
  }

  template <typename Number>
  uint64_t fixed() {
    static_assert(std::endian::native == std::endian::little);
    Number number;
    std::memcpy(&number, take(sizeof number).data(), sizeof number);
    return number;
  }

  std::string_view rest_;
  const std::string& where_;
};

std::string_view valid_text(std::string_view bytes, const std::string& where) {
  if (!simdjson::validate_utf8(bytes.data(), bytes.size()))
    fail(ErrorKind::input, "{}: the piece {} is not valid UTF-8", where, printable(bytes));
  return bytes;
}

SentencePieceModel::Piece parse_piece(std::string_view bytes, const std::string& where) {
  SentencePieceModel::Piece piece;
  MessageReader::Field field;
  for (MessageReader reader(bytes, where); reader.next(field);) {
    if (field.is(1, MessageReader::kBytes)) piece.text = valid_text(field.bytes, where);
    if (field.is(2, MessageReader::kFixed32)) piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
    if (field.is(3, MessageReader::kVarint)) piece.type = field.value;
  }
  if (!std::isfinite(piece.score))
    fail(ErrorKind::input, "{}: the score of the piece {} is no number", where, printable(piece.text));
  return piece;
}

void parse_training(std::string_view bytes, const std::string& where, SentencePieceModel& model) {
  MessageReader::Field field;
  for (MessageReader reader(bytes, where); reader.next(field);) {
    if (field.wire == MessageReader::kVarint) {
      const auto id = static_cast<int32_t>(field.value);
      if (field.number == 3) model.kind = field.value;
      if (field.number == 35) model.byte_fallback = field.value != 0;
      if (field.number == 40) model.unknown_id = id;
      if (field.number == 41) model.bos_id = id;
      if (field.number == 42) model.eos_id = id;
    } else if (field.wire == MessageReader::kBytes) {
      if (field.number == 45) model.unknown = valid_text(field.bytes, where);
      if (field.number == 46) model.bos = valid_text(field.bytes, where);
      if (field.number == 47) model.eos = valid_text(field.bytes, where);
    }
  }
}

Json charsmap_json(std::string_view charsmap) {
  if (charsmap.empty()) return nullptr;
  return {{"type", "Precompiled"}, {"precompiled_charsmap", base64(charsmap)}};
}

// What the generic class makes of a file by itself.
void set_generic_steps(const SentencePieceModel& model, Pipeline& pipeline) {
  const auto replace = [](const char* from, const char* to) {
    return Json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
  };
  Json steps = Json::array();
  if (!pipeline.normalizer.is_null()) steps.push_back(pipeline.normalizer);
  steps.push_back(replace(" ", "\u2581"));
  pipeline.normalizer = {{"type", "Sequence"}, {"normalizers", std::move(steps)}};
  Json decoders = Json::array({replace("\u2581", " ")});
  if (model.byte_fallback) decoders.insert(decoders.end(), {{{"type", "ByteFallback"}}, {{"type", "Fuse"}}});
  pipeline.decoder = {{"type", "Sequence"}, {"decoders", std::move(decoders)}};
}

// The pieces in the class's order. Fairseq's models have special tokens of their own before the file's.
std::vector<Unigram::Piece> ordered_pieces(const SentencePieceModel& model, const TokenizerClass* known,
                                           const std::array<std::string, kRoles>& roles) {
  using Kind = TokenizerClass::Kind;
  std::vector<Unigram::Piece> pieces;
  const auto kind = known != nullptr ? known->kind : Kind::albert;
  size_t skipped = 0;
  if (kind == Kind::xlm_roberta) {
    skipped = 3;
    for (const Role role : {kBos, kPad, kEos, kUnknown}) pieces.push_back({roles[role], 0});
  } else if (kind == Kind::camembert) {
    skipped = 1;
    pieces = {{"<s>NOTUSED", 0}, {roles[kPad], 0}, {"</s>NOTUSED", 0}, {roles[kUnknown], 0}, {"<unk>NOTUSED", -100}};
  }
  for (size_t i = skipped; i < model.pieces.size(); ++i)
    pieces.push_back({model.pieces[i].text, model.pieces[i].score});
  if (skipped > 0) pieces.push_back({roles[kMask], 0});
  return pieces;
}

}  // namespace

SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& where) {
  SentencePieceModel model;
  MessageReader::Field field;
  for (MessageReader reader(bytes, where); reader.next(field);) {
    if (field.wire != MessageReader::kBytes) continue;
    if (field.number == 1) {
      model.pieces.push_back(parse_piece(field.bytes, where));
      if (static_cast<int64_t>(model.pieces.size()) > Vocabulary::kIdLimit)
        fail(ErrorKind::input, "{}: more than {} pieces", where, with_commas(Vocabulary::kIdLimit));
    } else if (field.number == 2) {
      parse_training(field.bytes, where, model);
    } else if (field.number == 3) {
      MessageReader::Field part;
      for (MessageReader normalizer(field.bytes, where); normalizer.next(part);)
        if (part.is(2, MessageReader::kBytes)) model.charsmap = part.bytes;
    }
  }
  if (model.pieces.empty()) fail(ErrorKind::input, "{} is no model of SentencePiece: it holds no pieces", where);
  return model;
}

const char* sentencepiece_file(const TokenizerClass* known) {
  if (known == nullptr) return "tokenizer.model";
  return known->kind == TokenizerClass::Kind::albert ? "spiece.model" : "sentencepiece.bpe.model";
}

Pipeline read_sentencepiece(std::string_view bytes, const TokenizerClass* known, std::array<std::string, kRoles>& roles,
                            const std::string& where) {
  const SentencePieceModel model = parse_sentencepiece(bytes, where);
  static const std::map<uint64_t, const char*> kKinds = {{2, "BPE"}, {3, "words"}, {4, "characters"}};
  if (model.kind != SentencePieceModel::kUnigram) {
    const auto name = kKinds.find(model.kind);
    fail(ErrorKind::input,
         "{}: SentencePiece's model of {} is not supported, only Unigram is; a tokenizer.json beside it would be read "
         "(transformers writes one: save_pretrained of the loaded tokenizer)",
         where, name != kKinds.end() ? name->second : "an unknown kind");
  }
  Pipeline pipeline;
  Unigram::Options options{.byte_fallback = model.byte_fallback};
  const std::vector<Unigram::Piece> pieces = ordered_pieces(model, known, roles);
  pipeline.normalizer = charsmap_json(model.charsmap);
  if (known == nullptr) {
    if (model.unknown_id < 0 || static_cast<size_t>(model.unknown_id) >= pieces.size())
      fail(ErrorKind::input, "{}: the unknown piece is number {}, but there are {} pieces", where, model.unknown_id,
           pieces.size());
    options.unknown_id = model.unknown_id;
    set_generic_steps(model, pipeline);
    const auto fill = [&](Role role, int32_t id, std::string_view piece) {
      if (roles[role].empty() && id >= 0) roles[role] = piece;
    };
    fill(kBos, model.bos_id, model.bos);
    fill(kEos, model.eos_id, model.eos);
    fill(kUnknown, model.unknown_id, model.unknown);
  }
  pipeline.model = {Unigram(pieces, options)};
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    if (piece.type != SentencePieceModel::kControl && piece.type != SentencePieceModel::kUserDefined) continue;
    AddedToken token;
    token.content = piece.text;
    token.special = piece.type == SentencePieceModel::kControl;
    pipeline.added.push_back(std::move(token));
  }
  return pipeline;
}

}  // namespace tekio
