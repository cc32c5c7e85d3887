// SentencePiece's visible space, a part of the words that it stands before.
#pragma once

namespace tekio {

inline constexpr char32_t kMetaspace = U'\u2581';

/// Where a visible space is put before what begins with none, and taken off again.
enum class MetaspacePrefix {
  always,
  first,  ///< at the beginning of a text alone
  never
};

}  // namespace tekio
