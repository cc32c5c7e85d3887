// The fill-mask pipeline. Scores are probabilities over the whole vocabulary, also where only some targets are asked
// for. Only the masks' rows go through the head.
#include <tekio/masked_lm.h>

#include <fmt/ranges.h>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/interruption.h"
#include "base/log.h"
#include "model/masked_lm.h"
#include "text/slot_decoder.h"

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

/// Of a text's ids, padding aside, those with another token in the place of the mask at `row`. Special tokens stay
/// where there are several masks, so that the other masks can be seen.
SlotDecoder decoder_of(const Tokenizer& tokenizer, std::vector<int32_t> ids, int32_t row, bool only_mask) {
  auto slot = static_cast<size_t>(row);
  if (const auto padding = tokenizer.pad_id()) {
    slot -= static_cast<size_t>(std::count(ids.begin(), ids.begin() + row, *padding));
    std::erase(ids, *padding);
  }
  return {tokenizer, ids, slot, {.skip_special_tokens = only_mask}};
}

}  // namespace

FillMask::FillMask(MaskedLM model, Tokenizer tokenizer) : model_(std::move(model)), tokenizer_(std::move(tokenizer)) {
  MaskedLMImpl::of(model_).check_tokenizer(tokenizer_);
  if (!tokenizer_.mask_id()) fail(ErrorKind::input, "the tokenizer has no mask token, so there is nothing to fill");
}

namespace {

constexpr int64_t kFillTokens = 4096, kFillMasks = 256;  // of several texts at once

/// A text as the model takes it.
struct MaskedText {
  Encoding encoding;
  std::vector<int32_t> masks;  // which of its tokens are one
};

MaskedText masked_text(const Tokenizer& tokenizer, const std::string& text, int64_t longest) {
  MaskedText made{.encoding = tokenizer.encode(text), .masks = {}};
  const std::vector<int32_t>& ids = made.encoding.ids;
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] == *tokenizer.mask_id()) made.masks.push_back(static_cast<int32_t>(i));
  if (made.masks.empty())
    fail(ErrorKind::input, "no {} in \"{}\": write it where a word is to be found", tokenizer.mask_token(),
         printable(text));
  if (static_cast<int64_t>(ids.size()) > longest)
    fail(ErrorKind::input, "\"{}\" has {} tokens, but the model takes at most {}; shorten it", printable(text),
         ids.size(), longest);
  return made;
}

void add_text(const MaskedText& text, Batch& batch) {
  const auto begin = static_cast<int32_t>(batch.input_ids.size());
  const Encoding& encoding = text.encoding;
  batch.input_ids.insert(batch.input_ids.end(), encoding.ids.begin(), encoding.ids.end());
  batch.type_ids.insert(batch.type_ids.end(), encoding.type_ids.begin(), encoding.type_ids.end());
  batch.offsets.push_back(static_cast<int32_t>(batch.input_ids.size()));
  for (const int32_t mask : text.masks) batch.masked_rows.push_back(begin + mask);
  batch.labels.assign(batch.masked_rows.size(), 0);  // of no use here
}

/// What several texts are asked with.
struct Question {
  const Tokenizer& tokenizer;
  std::vector<int32_t> candidates;
  int64_t top_k;
};

/// The predictions for each mask of a text from its rows of probabilities.
std::vector<std::vector<Prediction>> predictions(const Question& question, const MaskedText& text,
                                                 std::span<const float> scores, size_t width) {
  std::vector<std::vector<Prediction>> lists;
  for (size_t i = 0; i < text.masks.size(); ++i) {
    const std::span<const float> probabilities = scores.subspan(i * width, width);
    const SlotDecoder decoder =
        decoder_of(question.tokenizer, text.encoding.ids, text.masks[i], text.masks.size() == 1);
    std::vector<Prediction>& list = lists.emplace_back();
    for (const int32_t token : best(question.candidates, probabilities, question.top_k))
      list.push_back({.score = probabilities[static_cast<size_t>(token)],
                      .token = token,
                      .token_str = question.tokenizer.decode(std::span(&token, 1)),
                      .sequence = token == question.tokenizer.pad_id() ? decoder.without() : decoder.with(token)});
  }
  return lists;
}

}  // namespace

std::vector<std::vector<Prediction>> FillMask::all(const std::string& text, const FillOptions& options) const {
  return std::move(all(std::span(&text, 1), options).front());
}

std::vector<std::vector<std::vector<Prediction>>> FillMask::all(std::span<const std::string> texts,
                                                                const FillOptions& options) const {
  if (options.top_k < 0) fail(ErrorKind::usage, "top_k is {}; expected 0 or more", options.top_k);
  MaskedLMImpl& impl = MaskedLMImpl::of(model_);
  const auto numbered = [&](size_t i, const auto& body) {
    try {
      return body();
    } catch (const Error& error) {
      if (!options.source.empty()) fail(error.kind(), "{}:{}: {}", options.source, i + 1, error.what());
      if (texts.size() == 1) throw;
      fail(error.kind(), "text {} of {}: {}", i + 1, texts.size(), error.what());
    }
  };
  std::vector<MaskedText> masked;
  for (size_t i = 0; i < texts.size(); ++i) {
    check_interruption();
    masked.push_back(
        numbered(i, [&] { return masked_text(tokenizer_, texts[i], impl.model().config().longest_input()); }));
  }

  const auto width = static_cast<size_t>(impl.model().config().vocabulary);
  Question question{tokenizer_, {}, options.top_k};
  if (options.targets.empty()) {
    question.candidates.resize(width);
    std::iota(question.candidates.begin(), question.candidates.end(), 0);
  } else if (!texts.empty()) {
    question.candidates = target_ids(tokenizer_, options.targets);
  }

  std::vector<std::vector<std::vector<Prediction>>> results;
  for (size_t first = 0; first < masked.size(); first = results.size()) {
    Batch batch{.offsets = {0}};
    size_t last = first;
    do add_text(masked[last++], batch);
    while (last < masked.size() &&
           batch.tokens() + static_cast<int64_t>(masked[last].encoding.ids.size()) <= kFillTokens &&
           batch.masked_rows.size() + masked[last].masks.size() <= static_cast<size_t>(kFillMasks));
    const std::lock_guard lock(impl.mutex());
    std::span<const float> scores = impl.probabilities(batch);  // [r,V]
    for (size_t i = first; i < last; ++i) {
      const std::span<const float> own = scores.first(masked[i].masks.size() * width);
      scores = scores.subspan(own.size());
      if (!std::all_of(own.begin(), own.end(), [](float p) { return std::isfinite(p); }))
        fail(ErrorKind::input,
             "the model's scores for \"{}\" are no numbers: the weights in {} are damaged; take a sound copy",
             printable(texts[i]), printable(impl.path(), 300));
      results.push_back(predictions(question, masked[i], own, width));
    }
  }
  return results;
}

std::vector<Prediction> FillMask::operator()(const std::string& text, const FillOptions& options) const {
  auto lists = all(text, options);
  if (lists.size() != 1)
    fail(ErrorKind::input, "\"{}\" has {} masks; all() gives a list for each", printable(text), lists.size());
  return std::move(lists.front());
}

}  // namespace tekio
