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
/// What is chosen. token: tokens, or words with whole_word_mask, one by one. span: stretches of whole words, as
/// SpanBERT has them (docs/numerics.md has the rule); 80 % of them become the mask, 10 % random tokens.
enum class Masking { token, span };  ///< --masking
/// What whole_word_mask takes for a word, and how it chooses.
enum class WholeWordRule {
  words,    ///< Hugging Face's course: the tokenizer's words, each with chance wwm_probability; all become the mask
  offsets,  ///< transformers 5: tokens without a gap between them in the text are one word, chosen with chance
            ///< mlm_probability; all become the mask. The chunks must be cut for it: ChunkOptions::words
  legacy    ///< DataCollatorForWholeWordMask of transformers 4: the tokenizer's words in random order until the share
            ///< mlm_probability of the tokens is reached; 80 % become the mask, 10 % a random token
};          ///< --whole_word_rule

/// What is hidden, and by which chance.
struct MaskOptions {
  double mlm_probability =
      0.15;  ///< (0, 1]: chance of a token to be chosen; of these 80 % become the mask, 10 % a random token
  bool whole_word_mask = false;  ///< choose words, and hide all tokens of a chosen word
  double wwm_probability = 0.2;  ///< (0, 1]: chance of a word to be chosen
  WholeWordRule whole_word_rule = WholeWordRule::words;
  Masking masking = Masking::token;
  double span_geometric_p = 0.2;  ///< (0, 1]: a span of l words has the chance p (1 - p)^(l - 1), times a factor
  int64_t max_span_length = 10;   ///< words
  MaskingRng masking_rng = MaskingRng::counter;
  uint64_t seed = 42;  ///< a run's: of order, masks, dropout, missing weights

  /// Whether words are chosen with the chance wwm_probability; else mlm_probability is what counts.
  bool by_wwm_probability() const {
    return masking == Masking::token && whole_word_mask && whole_word_rule == WholeWordRule::words;
  }
  /// What the chunks must be cut with: ChunkOptions::words.
  WordBounds word_bounds() const {
    return whole_word_mask && whole_word_rule == WholeWordRule::offsets ? WordBounds::offsets : WordBounds::tokenizer;
  }
  /// The share of the tokens that is hidden, on average.
  double rate() const { return by_wwm_probability() ? wwm_probability : mlm_probability; }
  /// A sentence for each value that makes no sense, or contradicts another, naming its option; empty if all are sound.
  std::vector<std::string> masking_problems() const;
};

struct MaskedChunk {
  std::vector<int32_t> input_ids;  ///< what the model sees
  std::vector<int32_t> labels;     ///< what it must say there; kNotChosen where nothing was chosen
  static constexpr int32_t kNotChosen = -100;
};

/// These chunks, masked as one batch; `epoch` gives other masks to each (counter only). Errors: usage (a chunk number
/// or a probability out of range, chunks cut with other words than word_bounds()), input (no mask token).
std::vector<MaskedChunk> mask(const Chunks& chunks, const std::vector<int64_t>& numbers, const Tokenizer& tokenizer,
                              const MaskOptions& options = {}, uint64_t epoch = 0);

}  // namespace tekio
