// Where a text's regions lie: runs of bytes without ASCII white space and ASCII punctuation, and every ASCII
// punctuation character by itself. White space (TAB, LF, CR, space) is left out; all other bytes count as parts of
// words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/scanned_regions.h"

namespace tekio {

/// Walks along a text, a window at a time.
class RegionScanner : public SeparateRegions {
 public:
  /// Starts over at the beginning of `text`, which must live as long as next() is called. At most INT32_MAX bytes.
  void start(std::string_view text);
  /// The regions that end within the next window: how many, at most kWindow; `false` after the last window.
  bool next();

 private:
  static constexpr size_t kBlock = 64;

  std::string_view text_;
  size_t position_ = 0;  // of the next window
  uint64_t before_ = 0;  // what the byte before it is: see region_scanner.cc
  bool done_ = true;
};

}  // namespace tekio
