#include "text/models/characters.h"

#include "base/error.h"
#include "text/utf8.h"

namespace tekio {

void Characters::tokenize(std::span<const AlignedChar> word, std::vector<SubwordPiece>& pieces, Scratch&) const {
  pieces.clear();
  char bytes[4];
  for (uint32_t i = 0; i < word.size(); ++i) {
    const auto length = static_cast<size_t>(encode_utf8(word[i].c, bytes));
    int32_t id = vocabulary_.find({bytes, length});
    if (id < 0) id = unknown_id_;
    if (id < 0)
      fail(ErrorKind::input,
           "the text holds the character {} that the vocabulary lacks, and the vocabulary lacks the unknown token {}; "
           "add it to the vocabulary",
           printable({bytes, length}), printable(unknown_token_));
    pieces.push_back({id, i, i + 1});
  }
}

}  // namespace tekio
