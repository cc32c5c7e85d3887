// Texts that differ in one token: what stands around it is decoded once, where the decoder writes token by token.
#pragma once

#include <tekio/tokenizer.h>
#include <span>
#include <string>
#include <vector>

namespace tekio {

class SlotDecoder {
 public:
  /// Of `ids` the one at `slot` is open.
  SlotDecoder(Tokenizer tokenizer, std::span<const int32_t> ids, size_t slot, const DecodeOptions& options);
  /// What decode() makes of the ids with `id` in the slot.
  std::string with(int32_t id) const;
  /// What it makes of them without the slot.
  std::string without() const;

 private:
  std::string around(const std::vector<std::string>& tokens) const;

  Tokenizer tokenizer_;
  DecodeOptions options_;
  std::vector<std::string> before_, behind_;  // tokens
  bool is_by_token_;
  std::string text_before_, text_behind_;  // where it is
};

}  // namespace tekio
