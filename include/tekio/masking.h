// What the model learns to fill in: chunks with some of their tokens hidden. adapt() masks by itself; this is for
// looking.
//
//   for (const auto& chunk : tekio::mask(chunks, {0, 1}, tokenizer)) print(tokenizer.decode(chunk.input_ids));
#pragma once

#include <tekio/dataset.h>
#include <tekio/tokenizer.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tekio {

/// Where order, masks and dropout come from. counter: a pure function of (seed, epoch, chunk, position). torch: the
/// reference stack's own streams, bit for bit, dropout apart. torch_cpu: dropout too.
enum class MaskingRng { counter, torch, torch_cpu };  ///< --masking_rng
/// Whether the evaluation chunks are masked once, or anew for each evaluation.
enum class EvalMasking { frozen, fresh };  ///< --eval_masking

/// What is hidden, and by which chance.
struct MaskOptions {
  double mlm_probability =
      0.15;  ///< (0, 1]: chance of a token to be chosen; of these 80 % become the mask, 10 % a random token
  bool whole_word_mask = false;  ///< choose words, and hide all tokens of a chosen word
  double wwm_probability = 0.2;  ///< (0, 1]: chance of a word to be chosen
  MaskingRng masking_rng = MaskingRng::counter;
  uint64_t seed = 42;  ///< a run's: of order, masks, dropout, missing weights

  /// A sentence for each probability that is none, naming its option; empty if both are sound.
  std::vector<std::string> probability_problems() const;
};

struct MaskedChunk {
  std::vector<int32_t> input_ids;  ///< what the model sees
  std::vector<int32_t> labels;     ///< what it must say there; kNotChosen where nothing was chosen
  static constexpr int32_t kNotChosen = -100;
};

/// These chunks, masked as one batch; `epoch` gives other masks to each (counter only). Errors: usage (a chunk number
/// or a probability out of range), input (no mask token).
std::vector<MaskedChunk> mask(const Chunks& chunks, const std::vector<int64_t>& numbers, const Tokenizer& tokenizer,
                              const MaskOptions& options = {}, uint64_t epoch = 0);

}  // namespace tekio
