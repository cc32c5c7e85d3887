// From counted words to a WordPiece vocabulary, as the reference's trainer makes it: special tokens, the alphabet by
// code point, the letters that go on a word ("##a"), then tokens merged from frequent pairs.
//
// The surprising fact: the reference's result changes from run to run, because two things in it follow a hash map: the
// order of the letters that go on a word, and with it ids and the order among equally frequent pairs; and which letters
// it keeps where limit_alphabet cuts between equally frequent ones. Here the former come in the order in which the most
// frequent words have them, and letters of smaller code points are kept: what the reference could have drawn.
#pragma once

#include <tekio/tokenizer.h>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "text/count_table.h"
#include "text/vocabulary.h"

namespace tekio {

/// What stands before a token that goes on a word.
inline constexpr const char* kContinuingPrefix = "##";

/// What a run of the reference drew, so that it can be repeated; where empty, as said above.
struct DrawnLetters {
  std::u32string alphabet;                ///< kept before other letters that are as frequent; ascending
  std::vector<std::string> continuing{};  ///< letters that go on a word, in the order of their ids
};

/// `words`: every distinct word in one of the tables. Errors: as check_places().
Vocabulary train_vocabulary(const std::vector<CountTable>& words, const WordPieceOptions& options, ThreadPool& pool,
                            const DrawnLetters& drawn = {});

}  // namespace tekio
