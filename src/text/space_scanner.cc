// Each byte is written down as a beginning and as an end, and counts if it is one: which bytes are, no processor can
// predict.
#include "text/space_scanner.h"

#include <algorithm>

namespace tekio {

void SpaceScanner::start(std::string_view text) {
  text_ = text;
  position_ = begun_ = count_ = 0;
}

bool SpaceScanner::next() {
  if (position_ == text_.size()) return false;
  go_on();
  size_t begun = begun_, ended = 0;
  const size_t stop = std::min(text_.size(), position_ + kWindow);
  if (regions_ == Regions::from_space) {
    if (position_ == 0) begins_[begun++] = 0;
    for (size_t i = std::max<size_t>(position_, 1); i < stop; ++i) {
      begins_[begun] = ends_[ended] = static_cast<uint32_t>(i);
      const bool border = text_[i] == ' ';
      begun += border;
      ended += border;
    }
  } else {
    bool inside = begun > 0;
    for (size_t i = position_; i < stop; ++i) {
      begins_[begun] = ends_[ended] = static_cast<uint32_t>(i);
      const char c = text_[i];
      const bool white = c == ' ' || c == '\n' || c == '\t' || c == '\r';
      begun += !white && !inside;
      ended += white && inside;
      inside = !white;
    }
  }
  position_ = stop;
  if (stop == text_.size() && begun > ended) ends_[ended++] = static_cast<uint32_t>(stop);
  begun_ = begun;
  count_ = ended;
  return true;
}

}  // namespace tekio
