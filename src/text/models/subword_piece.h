// What a model makes of a split: pieces of its vocabulary.
#pragma once

#include <cstdint>

namespace tekio {

struct SubwordPiece {
  int32_t id;
  uint32_t begin, end;  ///< characters of the split
};

}  // namespace tekio
