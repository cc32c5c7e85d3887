// Where the regions of SentencePiece's kind of pipeline lie: what stands between ASCII white space, or what begins with
// a space and ends before the next one.
#pragma once

#include <cstddef>
#include <string_view>

#include "text/scanned_regions.h"

namespace tekio {

/// Walks along a text, a window at a time.
class SpaceScanner : public SeparateRegions {
 public:
  enum class Regions {
    between_white_space,  ///< without TAB, LF, CR and spaces
    from_space            ///< each space and what follows it; what stands before the first one
  };

  explicit SpaceScanner(Regions regions) : regions_(regions) {}

  /// Starts over at the beginning of `text`, which must live as long as next() is called. At most INT32_MAX bytes.
  void start(std::string_view text);
  /// The regions that end within the next window: how many, at most kWindow; `false` after the last window.
  bool next();

 private:
  Regions regions_;
  std::string_view text_;
  size_t position_ = 0;  // of the next window
};

}  // namespace tekio
