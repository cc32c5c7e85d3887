#include "serve/answer_size.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "serve/fill_request.h"

namespace tekio::serve {
namespace {

/// Of a prediction: the names, a score of 24 characters, a token of 10, and what stands between a word and its
/// neighbours where they are decoded together (a space, or the characters that a byte's neighbours no longer make).
constexpr uint64_t kPrediction = 120;

uint64_t json_size(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace).size() - 2;
}

}  // namespace

AnswerSize::AnswerSize(Tokenizer tokenizer, int64_t vocabulary, int64_t longest_input)
    : tokenizer_(std::move(tokenizer)), longest_input_(longest_input), words_(1, 0) {
  for (int32_t id = 0; id < vocabulary; ++id) words_.push_back(json_size(tokenizer_.decode(std::span(&id, 1))));
  std::ranges::sort(words_.begin() + 1, words_.end(), std::greater());
  std::partial_sum(words_.begin(), words_.end(), words_.begin());
}

uint64_t AnswerSize::operator()(const std::string& text, uint64_t predictions) const {
  const std::vector<int32_t> ids = tokenizer_.encode(text).ids;
  if (static_cast<int64_t>(ids.size()) > longest_input_)
    throw Refusal(422, fmt::format("\"{}\" has {} tokens, but the model takes at most {}; shorten it", printable(text),
                                   ids.size(), longest_input_));
  const auto masks = static_cast<uint64_t>(std::ranges::count(ids, *tokenizer_.mask_id()));
  const uint64_t sequence = json_size(tokenizer_.decode(ids, {.skip_special_tokens = masks == 1}));
  const uint64_t words = words_[std::min<uint64_t>(predictions, words_.size() - 1)];
  return masks * (predictions * (kPrediction + sequence) + 2 * words);  // a word stands in its sequence, too
}

}  // namespace tekio::serve
