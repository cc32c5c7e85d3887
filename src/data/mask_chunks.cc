// tekio::mask: the collators that training uses, for a program that wants to look at what they do.
#include <tekio/masking.h>

#include "base/error.h"
#include "data/masking.h"

namespace tekio {
namespace {

void check_options(const Chunks& chunks, const std::vector<int64_t>& numbers, const MaskOptions& options) {
  const auto check_probability = [](const char* name, double value) {
    if (!(value > 0 && value <= 1))
      fail(ErrorKind::usage, "{} is {}: expected a number above 0, at most 1", name, value);
  };
  check_probability("mlm_probability", options.mlm_probability);
  check_probability("wwm_probability", options.wwm_probability);
  for (int64_t number : numbers)
    if (number < 0 || number >= chunks.size())
      fail(ErrorKind::usage, "chunk {} was asked to be masked, but there are {}: 0 to {}", number, chunks.size(),
           chunks.size() - 1);
}

}  // namespace

std::vector<MaskedChunk> mask(const Chunks& chunks, const std::vector<int64_t>& numbers, const Tokenizer& tokenizer,
                              const MaskOptions& options) {
  check_options(chunks, numbers, options);
  MaskingOptions masking;
  masking.mlm_probability = options.mlm_probability;
  masking.whole_word = options.whole_word_mask;
  masking.wwm_probability = options.wwm_probability;
  masking.seed = options.seed;
  const auto vocabulary = MaskingVocabulary::of(tokenizer);
  ReferenceStreams streams(options.seed);
  const auto collator = options.masking_rng == MaskingRng::counter
                            ? make_counter_collator(masking, vocabulary)
                            : make_reference_collator(masking, vocabulary, streams);
  const Batch batch = collator->collate(chunks, numbers, options.epoch, /*checksums=*/false).batch;

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
