// Which encodings text may be in, and what languages write often in them.
#pragma once

#include <span>

namespace tekio {

/// What a language writes often, in an encoding that it may be in.
struct CharsetCandidate {
  const char* charset;
  const char* letters;  ///< small ones; of Chinese, Japanese and Korean the most frequent characters
  double rarity = 0;    ///< taken from the score: nobody has written it for long
  double doubt = 0;     ///< taken from the sum that the score is the mean of
};
/// Of equal scores the first wins, so what is most common stands first; those of an encoding stand together.
std::span<const CharsetCandidate> charset_candidates();

}  // namespace tekio
