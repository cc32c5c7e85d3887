// Where the regions of SentencePiece's kind of pipeline lie: what stands between ASCII white space, or what begins with
// a space and ends before the next one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tekio {

/// Walks along a text, a window at a time.
class SpaceScanner {
 public:
  static constexpr size_t kWindow = 2048;  ///< bytes looked at together
  enum class Regions {
    between_white_space,  ///< without TAB, LF, CR and spaces
    from_space            ///< each space and what follows it; what stands before the first one
  };

  explicit SpaceScanner(Regions regions) : regions_(regions) {}

  /// Starts over at the beginning of `text`, which must live as long as next() is called. At most INT32_MAX bytes.
  void start(std::string_view text);
  /// The regions that end within the next window: how many, at most kWindow; `false` after the last window.
  bool next();

  size_t count() const { return count_; }
  uint32_t begin(size_t i) const { return begins_[i]; }
  uint32_t end(size_t i) const { return ends_[i]; }

 private:
  Regions regions_;
  std::string_view text_;
  size_t position_ = 0;  // of the next window
  size_t begun_ = 0;     // regions in `begins_`; one more than have ended, if one goes on
  size_t count_ = 0;
  std::array<uint32_t, kWindow + 2> begins_, ends_;
};

}  // namespace tekio
