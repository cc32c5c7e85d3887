// The fill-mask pipeline. Scores are probabilities over the whole vocabulary, also where only some targets are asked
// for. Only the masks' rows go through the head.
#include <tekio/masked_lm.h>

#include <fmt/ranges.h>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "model/masked_lm.h"

namespace tekio {
namespace {

// The ids that targets stand for: a token of that very spelling, else the first piece of the word, and that is told.
std::vector<int32_t> target_ids(const Tokenizer& tokenizer, const std::vector<std::string>& targets) {
  std::set<int32_t> ids;
  for (const std::string& target : targets) {
    if (const auto id = tokenizer.token_to_id(target)) {
      ids.insert(*id);
      continue;
    }
    const std::vector<int32_t> pieces = tokenizer.encode(target, {.add_special_tokens = false}).ids;
    if (pieces.empty()) {
      warn(fmt::format("the target \"{}\" is not in the model's vocabulary and nothing can stand for it: left out",
                       printable(target)));
      continue;
    }
    warn(fmt::format("the target \"{}\" is not in the model's vocabulary: \"{}\" stands for it", printable(target),
                     printable(tokenizer.id_to_token(pieces.front()))));
    ids.insert(pieces.front());
  }
  if (ids.empty())
    fail(ErrorKind::input, "none of the targets has a token in the model's vocabulary: \"{}\"",
         printable(fmt::format("{}", fmt::join(targets, "\", \"")), 200));
  return {ids.begin(), ids.end()};
}

// The best of `candidates` by score; of equals the lower id.
std::vector<int32_t> best(std::vector<int32_t> candidates, std::span<const float> scores, int64_t count) {
  const auto middle = candidates.begin() +
                      static_cast<std::ptrdiff_t>(std::min<int64_t>(count, static_cast<int64_t>(candidates.size())));
  const auto score = [&](int32_t id) { return scores[static_cast<size_t>(id)]; };
  std::partial_sort(candidates.begin(), middle, candidates.end(),
                    [&](int32_t a, int32_t b) { return score(a) != score(b) ? score(a) > score(b) : a < b; });
  candidates.erase(middle, candidates.end());
  return candidates;
}

// The text with `token` in the place of the mask at `row`. Special tokens stay where there are several masks, so that
// the other masks can be seen.
std::string filled(const Tokenizer& tokenizer, std::vector<int32_t> ids, int32_t row, int32_t token, bool only_mask) {
  ids[static_cast<size_t>(row)] = token;
  if (const auto padding = tokenizer.pad_id()) std::erase(ids, *padding);
  return tokenizer.decode(ids, {.skip_special_tokens = only_mask});
}

}  // namespace

FillMask::FillMask(MaskedLM model, Tokenizer tokenizer) : model_(std::move(model)), tokenizer_(std::move(tokenizer)) {
  model_.impl().check_tokenizer(tokenizer_);
  if (!tokenizer_.mask_id()) fail(ErrorKind::input, "the tokenizer has no mask token, so there is nothing to fill");
}

std::vector<std::vector<Prediction>> FillMask::all(const std::string& text, const FillOptions& options) const {
  if (options.top_k < 0) fail(ErrorKind::usage, "top_k is {}; expected 0 or more", options.top_k);
  const Encoding encoding = tokenizer_.encode(text);
  Batch batch{.input_ids = encoding.ids,
              .type_ids = encoding.type_ids,
              .offsets = {0, static_cast<int32_t>(encoding.ids.size())}};
  for (size_t i = 0; i < encoding.ids.size(); ++i)
    if (encoding.ids[i] == *tokenizer_.mask_id()) batch.masked_rows.push_back(static_cast<int32_t>(i));
  batch.labels.assign(batch.masked_rows.size(), 0);  // of no use here
  if (batch.masked_rows.empty())
    fail(ErrorKind::input, "no {} in \"{}\": write it where a word is to be found", tokenizer_.mask_token(),
         printable(text));
  MaskedLM::Impl& impl = model_.impl();
  const ModelConfig& config = impl.model().config();
  if (batch.tokens() > config.longest_input())
    fail(ErrorKind::input, "\"{}\" has {} tokens, but the model takes at most {}; shorten it", printable(text),
         batch.tokens(), config.longest_input());

  std::vector<int32_t> candidates;
  if (options.targets.empty()) {
    candidates.resize(static_cast<size_t>(config.vocabulary));
    std::iota(candidates.begin(), candidates.end(), 0);
  } else {
    candidates = target_ids(tokenizer_, options.targets);
  }
  const std::lock_guard lock(impl.mutex());
  const std::span<const float> scores = impl.probabilities(batch);  // [r,V]
  const auto width = static_cast<size_t>(config.vocabulary);
  std::vector<std::vector<Prediction>> lists;
  for (size_t i = 0; i < batch.masked_rows.size(); ++i) {
    const std::span<const float> probabilities = scores.subspan(i * width, width);
    if (!std::all_of(probabilities.begin(), probabilities.end(), [](float p) { return std::isfinite(p); }))
      fail(ErrorKind::input,
           "the model's scores for \"{}\" are no numbers: the weights in {} are damaged; take a sound copy",
           printable(text), printable(impl.path(), 300));
    std::vector<Prediction>& list = lists.emplace_back();
    for (const int32_t token : best(candidates, probabilities, options.top_k))
      list.push_back(
          {.score = probabilities[static_cast<size_t>(token)],
           .token = token,
           .token_str = tokenizer_.decode(std::span(&token, 1)),
           .sequence = filled(tokenizer_, encoding.ids, batch.masked_rows[i], token, batch.masked_rows.size() == 1)});
  }
  return lists;
}

std::vector<Prediction> FillMask::operator()(const std::string& text, const FillOptions& options) const {
  auto lists = all(text, options);
  if (lists.size() != 1)
    fail(ErrorKind::input, "\"{}\" has {} masks; all() gives a list for each", printable(text), lists.size());
  return std::move(lists.front());
}

}  // namespace tekio
