// tekio::mask: the collators that training uses, for a program that wants to look at what they do.
#include <fmt/ranges.h>

#include <tekio/masking.h>
#include <utility>

#include "base/error.h"
#include "data/mask_options.h"
#include "data/masking.h"
#include "data/option_problems.h"

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
  OptionProblems problems;
  walk_mask_options(*this, problems);
  for (std::string& problem : masking_contradictions(*this)) problems.add(std::move(problem));
  return problems.take();
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
