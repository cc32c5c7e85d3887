// How tokens become text again.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace tekio {

struct WordPieceDecoding {  ///< a space before each token, but the prefix of a continuation is taken off
  std::string prefix = "##";
  bool cleanup = true;  // glue punctuation, token by token
  bool operator==(const WordPieceDecoding&) const = default;
};
using DecoderStep = std::variant<WordPieceDecoding>;

/// A sequence of steps, each rewriting the tokens that the one before left, which are then written one after another;
/// without any, spaces stand between the tokens.
class Decoder {
 public:
  Decoder() = default;
  explicit Decoder(std::vector<DecoderStep> steps) : steps_(std::move(steps)) {}

  std::string decode(std::vector<std::string> tokens) const;

  const std::vector<DecoderStep>& steps() const { return steps_; }

 private:
  std::vector<DecoderStep> steps_;
};

}  // namespace tekio
