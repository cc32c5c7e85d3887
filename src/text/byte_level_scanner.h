// Where the words of byte-level vocabularies lie, by GPT-2's pattern: 's, 't, 're, 've, 'm, 'll, 'd; letters, numbers,
// or what is neither nor white space, each with a space before it if there is one; white space, of which the last
// character is left to what follows. Every byte of a text belongs to a word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/scanned_regions.h"

namespace tekio {

/// What goes on from block to block (see byte_level_scanner.cc).
struct ByteLevelState {
  uint64_t letter = 0, number = 0, white = 0, other = 0, space = 0;  // bit 0: of the byte before
  uint64_t letters = 0, numbers = 0, whites = 0;                     // bytes that a character before reaches into
  uint64_t begins = 0, goes_on = 0;                                  // bytes of which a contraction before says so
};

/// Walks along a text, a window at a time.
class ByteLevelScanner : public AdjoiningRegions {
 public:
  /// Starts over at the beginning of `text`, valid UTF-8, which must live as long as next() is called. At most
  /// INT32_MAX bytes.
  void start(std::string_view text);
  /// The words that end within the next window: how many, at most kWindow; `false` after the last window.
  bool next();

 private:
  static constexpr size_t kBlock = 64;

  std::string_view text_;
  size_t position_ = 0;  // of the next window
  bool done_ = true;
  ByteLevelState state_;
};

}  // namespace tekio
