// How tokens become text again.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "text/metaspace.h"
#include "text/pattern.h"

namespace tekio {

struct WordPieceDecoding {  ///< a space before each token, but the prefix of a continuation is taken off
  std::string prefix = "##";
  bool cleanup = true;  // glue punctuation, token by token
  bool operator==(const WordPieceDecoding&) const = default;
};
struct ByteLevelDecoding {  ///< all tokens as one, from the byte-level alphabet to bytes
  bool add_prefix_space = true, trim_offsets = true, use_regex = true;  // of the file alone: nothing depends on them
  bool operator==(const ByteLevelDecoding&) const = default;
};
struct BpeDecoding {  ///< the suffix of a word's last token becomes a space; that of the last token of all, nothing
  std::string suffix = "</w>";
  bool operator==(const BpeDecoding&) const = default;
};
struct ByteFallbackDecoding {  ///< runs of "<0x0A>" as the bytes that they stand for
  bool operator==(const ByteFallbackDecoding&) const = default;
};
struct FusedDecoding {  ///< all tokens as one
  bool operator==(const FusedDecoding&) const = default;
};
struct ReplaceDecoding {
  Pattern pattern;
  std::string content;
  bool operator==(const ReplaceDecoding&) const = default;
};
struct StripDecoding {  ///< up to so many of a character from each end of every token
  char32_t content = ' ';
  size_t start = 0, stop = 0;
  bool operator==(const StripDecoding&) const = default;
};
struct PlainWordPieceDecoding {  ///< spaces between tokens, but for those that begin with "##"; none at the ends
  bool operator==(const PlainWordPieceDecoding&) const = default;
};
struct MetaspaceDecoding {  ///< visible spaces become spaces, or nothing in the first token of all
  char32_t replacement = kMetaspace;
  MetaspacePrefix prefix = MetaspacePrefix::always;
  bool split = true;  ///< of the file alone: nothing depends on it
  bool operator==(const MetaspaceDecoding&) const = default;
};
using DecoderStep = std::variant<WordPieceDecoding, ByteLevelDecoding, BpeDecoding, ByteFallbackDecoding, FusedDecoding,
                                 ReplaceDecoding, StripDecoding, PlainWordPieceDecoding, MetaspaceDecoding>;

/// A sequence of steps, each rewriting the tokens that the one before left, which are then written one after another;
/// without any, spaces stand between the tokens.
class Decoder {
 public:
  Decoder() = default;
  explicit Decoder(std::vector<DecoderStep> steps) : steps_(std::move(steps)) {}

  std::string decode(std::vector<std::string> tokens) const;
  /// What a token becomes depends on whether it is the first, but not on those beside it; with bytes as tokens: as long
  /// as each is whole characters.
  bool writes_by_token() const;

  const std::vector<DecoderStep>& steps() const { return steps_; }

 private:
  std::vector<DecoderStep> steps_;
};

}  // namespace tekio
