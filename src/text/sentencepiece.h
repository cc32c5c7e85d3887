// SentencePiece's own files (sentencepiece.bpe.model, spiece.model, tokenizer.model), a message of protocol buffers
// each, for folders without tokenizer.json: as transformers 5 converts them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tables.h"

namespace tekio {

/// What of such a file counts. Texts are parts of the file's bytes, valid UTF-8 but for the charsmap.
struct SentencePieceModel {
  enum Kind : uint64_t { kUnigram = 1 };
  enum Type : uint64_t { kNormal = 1, kControl = 3, kUserDefined = 4 };
  struct Piece {
    std::string_view text;
    float score = 0;
    uint64_t type = kNormal;
  };
  std::vector<Piece> pieces;
  uint64_t kind = kUnigram;
  int32_t unknown_id = 0, bos_id = 1, eos_id = 2;  // negative: none
  std::string_view unknown = "<unk>", bos = "<s>", eos = "</s>";
  bool byte_fallback = false;
  std::string_view charsmap;
};

/// Errors: input (not such a message, or more than 2^22 pieces; `where` names the file).
SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& where);

/// The name of the file that a class reads; the generic one if it is nullptr.
const char* sentencepiece_file(const TokenizerClass* known);

/// What a tokenizer.json of the file's content would say, as far as the class (nullptr: the generic one) does not make
/// it itself; `roles` has the class's special tokens, and gets those that the file has for the generic one. Control and
/// user-defined pieces are added tokens. Errors: input (also: a model of another kind than Unigram).
Pipeline read_sentencepiece(std::string_view bytes, const TokenizerClass* known, std::array<std::string, kRoles>& roles,
                            const std::string& where);

}  // namespace tekio
