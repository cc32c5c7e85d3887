// What the training of a Unigram vocabulary starts from: every character of the words, and the substrings that occur
// several times, of which the longest of those that always occur together counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tekio {

/// A word, valid UTF-8, and how often it occurs.
using CountedWord = std::pair<std::string_view, uint64_t>;

struct SeedPiece {
  std::string text;
  double frequency;  // of characters, occurrences; of substrings, those in distinct words, times their length
};

/// The characters, then the substrings of up to `longest` characters, each from the highest frequency to the lowest; of
/// equal ones, the last in order of code points first. At most `most`, or one more than there are characters. Errors:
/// input (words of 2^32 bytes in all).
std::vector<SeedPiece> seed_pieces(const std::vector<CountedWord>& words, size_t longest, size_t most);

}  // namespace tekio
