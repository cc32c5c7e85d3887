// WholeWordRule::legacy without its randomness: which words a sequence offers, and how many of them are taken. As in
// DataCollatorForWholeWordMask of transformers 4, but for what a word is: there "##" goes one on, here the tokenizer's
// words count, which is the same of WordPiece, and is meant for other vocabularies, too.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/masking.h"

namespace tekio {

struct TokenRange {
  int32_t begin, end;
};

/// The words of a sequence in order: a special token within the text is one, too; [CLS] and [SEP] are none.
void legacy_words(std::span<const int32_t> ids, std::span<const int32_t> word_ids, const MaskingVocabulary& vocabulary,
                  std::vector<TokenRange>& words);

/// Takes words in the order in which they are given until `probability` of the sequence's tokens (at least one, at most
/// 512) is taken; a word that is too long for what is left is passed over. Sets chosen[t] to 1 for their tokens,
/// special ones left out.
void take_legacy_words(std::span<const TokenRange> words, std::span<const int32_t> ids, double probability,
                       const MaskingVocabulary& vocabulary, std::span<uint8_t> chosen);

}  // namespace tekio
