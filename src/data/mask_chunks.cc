// tekio::mask: the collators that training uses, for a program that wants to look at what they do.
#include <fmt/ranges.h>

#include <tekio/masking.h>
#include <utility>

#include "base/error.h"
#include "data/masking.h"

namespace tekio {
namespace {

void check_options(const Chunks& chunks, const std::vector<int64_t>& numbers, const MaskOptions& options) {
  if (const auto problems = options.masking_problems(); !problems.empty())
    fail(ErrorKind::usage, "{}", fmt::join(problems, "; "));
  require_words(options, chunks);
  for (int64_t number : numbers)
    if (number < 0 || number >= chunks.size())
      fail(ErrorKind::usage, "chunk {} was asked to be masked, but there are {}: 0 to {}", number, chunks.size(),
           chunks.size() - 1);
}

}  // namespace

std::vector<std::string> MaskOptions::masking_problems() const {
  std::vector<std::string> problems;
  for (const auto& [name, p] : {std::pair{"mlm_probability", mlm_probability},
                                {"wwm_probability", wwm_probability},
                                {"span_geometric_p", span_geometric_p}})
    if (!(p > 0 && p <= 1)) problems.push_back(fmt::format("--{} must be above 0 and at most 1, got {}", name, p));
  if (max_span_length < 1 || max_span_length > kLongestSpan)
    problems.push_back(
        fmt::format("--max_span_length must be an integer from 1 to {}, got {}", kLongestSpan, max_span_length));
  if (masking == Masking::span && whole_word_mask)
    problems.emplace_back("--whole_word_mask contradicts --masking span: spans are of whole words already");
  if (masking == Masking::span && masking_rng != MaskingRng::counter)
    problems.emplace_back(
        "--masking span contradicts --masking_rng torch: Hugging Face transformers has no span masking whose draws "
        "could be repeated");
  return problems;
}

std::vector<MaskedChunk> mask(const Chunks& chunks, const std::vector<int64_t>& numbers, const Tokenizer& tokenizer,
                              const MaskOptions& options, uint64_t epoch) {
  check_options(chunks, numbers, options);
  const auto vocabulary = MaskingVocabulary::of(tokenizer);
  ReferenceStreams streams(options.seed);
  const auto collator = options.masking_rng == MaskingRng::counter
                            ? make_counter_collator({options}, vocabulary)
                            : make_reference_collator({options}, vocabulary, streams);
  const Batch batch = collator->collate(chunks, numbers, {.epoch = epoch}).batch;

  std::vector<MaskedChunk> result(numbers.size());
  size_t masked = 0;
  for (size_t i = 0; i < result.size(); ++i) {
    const int32_t begin = batch.offsets[i], end = batch.offsets[i + 1];
    result[i].input_ids.assign(batch.input_ids.begin() + begin, batch.input_ids.begin() + end);
    result[i].labels.assign(static_cast<size_t>(end - begin), MaskedChunk::kNotChosen);
    for (; masked < batch.masked_rows.size() && batch.masked_rows[masked] < end; ++masked)
      result[i].labels[static_cast<size_t>(batch.masked_rows[masked] - begin)] = batch.labels[masked];
  }
  return result;
}

}  // namespace tekio
