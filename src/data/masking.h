// Masking: chunk -> Batch. Two sources of randomness behind one interface: a pure function of (seed, epoch, chunk, position),
// or the reference stack's own streams, bit for bit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tekio/dataset.h>
#include <vector>

#include "base/random/torch_stream.h"
#include "data/batch.h"

namespace tekio {

struct MaskingOptions {
  double mlm_probability = 0.15;   ///< chance of a token to be chosen
  double mask_replace_prob = 0.8;  ///< of the chosen: replaced by the mask token
  double random_replace_prob = 0.1;///< of the chosen: replaced by a random token
  bool whole_word = false;         ///< the walkthrough's: words by word_ids, all tokens of a chosen word become the mask token
  double wwm_probability = 0.2;    ///< chance of a word to be chosen
  uint64_t seed = 42;
};

/// What masking must know of a tokenizer.
struct MaskingVocabulary {
  int32_t mask_id = 0, pad_id = 0;
  int64_t size = 0;                    ///< len(tokenizer): random tokens are drawn from [0, size)
  std::vector<int32_t> special_ids;    ///< never chosen
  static MaskingVocabulary of(const Tokenizer& tokenizer);  ///< Errors: input (no mask token)
};

/// One collated micro-batch and the figures by which runs are compared step by step.
struct CollatedBatch {
  Batch batch;
  /// zlib's crc32 over the padded micro-batch as little-endian int64, row by row; labels are -100 where not chosen.
  uint32_t input_ids_crc32 = 0, labels_crc32 = 0;
};

/// Makes batches out of chunks, in the order in which a run asks for them.
class Collator {
 public:
  virtual ~Collator() = default;
  /// Chunks `numbers` of `chunks`, masked. `epoch` distinguishes passes (the counter form only); `checksums`: fill the crc32s.
  virtual CollatedBatch collate(const Chunks& chunks, std::span<const int64_t> numbers, uint64_t epoch, bool checksums) = 0;
};

/// A pure function of (options.seed, epoch, chunk number within the store, position).
std::unique_ptr<Collator> make_counter_collator(const MaskingOptions& options, const MaskingVocabulary& vocabulary);
/// The reference's collator drawing from `torch` (token masking, PARITY 5.2) or from numpy's global stream (whole words, 5.5).
/// The stream must outlive the collator; others draw from it in between (the loader's base seeds, dropout).
std::unique_ptr<Collator> make_reference_collator(const MaskingOptions& options, const MaskingVocabulary& vocabulary, TorchStream& torch);

}  // namespace tekio
