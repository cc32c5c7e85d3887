// One split's rows, tokenized by several processes that all see its files. Each reads all of them, but works on its own
// blocks alone; what it makes of them goes to all, and rank 0 writes the rows of all blocks in their order, so that its
// store has the bytes that one process makes.
#pragma once

#include <functional>

#include "data/data_ranks.h"
#include "data/tokenize.h"

namespace tekio {

/// Which ranks take part in that.
struct Tokenizers {
  std::vector<int> ranks;  ///< ascending; rank 0 is the first of them
  int blocks = 1;          ///< that each works on in turn, so that all of its threads have one
};

/// All ranks call it: one of `who` with what it reads; the others with nullptr. Of the first, rank 0 alone has a
/// writer. Errors: as tokenize(): whichever rank meets the first one in the order of rows, all throw it; comms.
struct TokenizeJob {
  const DatasetSource* source = nullptr;
  const std::function<EncodeText()>* make_encoder = nullptr;
  TokenizeOptions options;
  TokenStoreWriter* writer = nullptr;
};
void tokenize_together(const DataRanks& ranks, const Tokenizers& who, const TokenizeJob& job);

/// Rows as one rank gives them to another.
std::string packed(const EncodedRows& rows);
/// Errors: comms (damaged).
EncodedRows unpacked_rows(std::string_view packed);

}  // namespace tekio
