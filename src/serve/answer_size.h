// How large an answer becomes, known before it is made.
#pragma once

#include <tekio/tokenizer.h>
#include <cstdint>
#include <string>
#include <vector>

namespace tekio::serve {

/// Of one tokenizer's model.
class AnswerSize {
 public:
  AnswerSize(Tokenizer tokenizer, int64_t vocabulary, int64_t longest_input);
  /// At most so many bytes of JSON are `predictions` for each mask of a text, which each repeat it. Errors: Refusal 422
  /// (the text is longer than the model takes).
  uint64_t operator()(const std::string& text, uint64_t predictions) const;

 private:
  Tokenizer tokenizer_;
  int64_t longest_input_;
  std::vector<uint64_t> words_;  // [k]: bytes of the k longest words
};

}  // namespace tekio::serve
