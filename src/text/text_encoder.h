// The data path's inner loop: text to ids without offsets, into vectors that the caller keeps. One encoder a thread: it
// owns a cache of words and scratch space, and reads the tokenizer's tables, which it shares. Gives exactly the ids of
// Tokenizer::encode().
#pragma once

#include <tekio/tokenizer.h>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tekio {

/// Thread-private encoder without offsets.
class TextEncoder {
 public:
  /// Keeps the tokenizer's tables alive.
  explicit TextEncoder(const Tokenizer& tokenizer);
  ~TextEncoder();
  TextEncoder(TextEncoder&&) noexcept;
  TextEncoder& operator=(TextEncoder&&) noexcept;

  /// Appends a text's ids, template tokens included; `word_starts` gets 1 where a word begins and 0 for continuation
  /// pieces and template tokens. Both vectors grow by the same number.
  void append(std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts);
  /// The same of a text of given words, each encoded by itself: a word begins where the first token of a given one is,
  /// and nowhere else. A word that becomes no token is left out.
  void append(std::span<const std::string_view> words, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tekio
