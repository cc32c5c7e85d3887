// Masking: chunk -> Batch. Two sources of randomness behind one interface: a pure function of (seed, epoch, chunk,
// position), or the reference stack's own streams, bit for bit. There, a draw is made for every element of the padded
// rectangle, so padding changes later masks.
#pragma once

#include <tekio/dataset.h>
#include <tekio/masking.h>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/random/counter.h"
#include "base/random/numpy_legacy.h"
#include "base/random/python_random.h"
#include "base/random/torch_stream.h"
#include "data/batch.h"

namespace tekio {

inline constexpr int64_t kLongestSpan = 1'000'000;  ///< --max_span_length at most

/// What is asked for, and what only the reference's collators can vary.
struct CollatorOptions : MaskOptions {
  double mask_replace_prob = 0.8;    ///< of the chosen: replaced by the mask token
  double random_replace_prob = 0.1;  ///< of the chosen: replaced by a random token
  int64_t pad_to_multiple_of = 1;    ///< of the rectangle's width
};

/// What masking must know of a tokenizer.
struct MaskingVocabulary {
  int32_t mask_id = 0, pad_id = 0;
  int64_t size = 0;                     ///< len(tokenizer): random tokens are drawn from [0, size)
  std::vector<int32_t> special_ids;     ///< never chosen
  std::vector<int32_t> boundary_ids{};  ///< [CLS] and [SEP]: no words to WholeWordRule::legacy
  bool is_special(int32_t id) const { return is_among(special_ids, id); }
  bool is_boundary(int32_t id) const { return is_among(boundary_ids, id); }
  static MaskingVocabulary of(const Tokenizer& tokenizer);  ///< Errors: input (no mask token)

 private:
  static bool is_among(const std::vector<int32_t>& ids, int32_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  }
};

/// What there is to choose among, and how.
enum class MaskingRule { tokens, words, offsets, legacy, spans };
MaskingRule rule_of(const MaskOptions& options);
/// Errors: usage (words are to be masked, but the chunks' words are not those that the rule takes).
void require_words(const MaskOptions& options, const Chunks& chunks);

/// One collated micro-batch and the figures by which runs are compared step by step.
struct CollatedBatch {
  Batch batch;
  /// zlib's crc32 over the padded micro-batch as little-endian int64, row by row; labels are -100 where not chosen.
  uint32_t input_ids_crc32 = 0, labels_crc32 = 0;
};

/// What a call of a collator is to do that its options do not say.
struct CollatorCall {
  uint64_t epoch = 0;            ///< distinguishes passes (the counter form only)
  bool checksums = false;        ///< fill the crc32s
  std::optional<double> rate{};  ///< instead of MaskOptions::rate()
};

/// Makes batches out of chunks, in the order in which a run asks for them.
class Collator {
 public:
  virtual ~Collator() = default;
  /// Chunks `numbers` of `chunks`, masked.
  virtual CollatedBatch collate(const Chunks& chunks, std::span<const int64_t> numbers, const CollatorCall& call) = 0;
};

/// A pure function of (use, options.seed, epoch, chunk number within the store, position).
std::unique_ptr<Collator> make_counter_collator(const CollatorOptions& options, const MaskingVocabulary& vocabulary,
                                                RandomUse use = RandomUse::mask);

/// The generators that the reference stack keeps for a whole process, as its set_seed(seed) leaves them.
struct ReferenceStreams {
  explicit ReferenceStreams(uint64_t seed) : torch(seed), numpy(seed), python(seed) {}
  TorchStream torch;
  NumpyLegacy numpy;
  PythonRandom python;
};

/// A sequence with what else the reference's collator may be given beside the ids.
struct MaskingRow {
  std::span<const int32_t> ids;
  std::span<const uint8_t> special_tokens_mask = {};  ///< else specials are told by their ids
  std::span<const int32_t> word_ids = {};             ///< of whole words, as their rule has them
};

class ReferenceMasker;  // masks a row

/// The reference's collators. Tokens, and words by offsets: DataCollatorForLanguageModeling, drawing from
/// streams.torch. Words: the walkthrough's, drawing from streams.numpy. Legacy: DataCollatorForWholeWordMask, drawing
/// from streams.python and streams.torch. The streams must outlive the collator; others draw from them in between.
class ReferenceCollator : public Collator {
 public:
  ReferenceCollator(const CollatorOptions& options, const MaskingVocabulary& vocabulary, ReferenceStreams& streams);
  ~ReferenceCollator() override;
  CollatedBatch collate(const Chunks& chunks, std::span<const int64_t> numbers, const CollatorCall& call) override;
  CollatedBatch collate(std::span<const MaskingRow> rows, bool checksums);

 private:
  std::unique_ptr<ReferenceMasker> masker_;
  ReferenceStreams& streams_;
};
std::unique_ptr<Collator> make_reference_collator(const CollatorOptions& options, const MaskingVocabulary& vocabulary,
                                                  ReferenceStreams& streams);

/// One collator call over all of `chunks` in order, from streams just seeded with options.seed, handed out in batches.
/// Only the batch that is asked for is ever in memory: the four kinds of draws of the call are four places in one
/// stream.
class FrozenReferenceMasks {
 public:
  FrozenReferenceMasks(const CollatorOptions& options, const MaskingVocabulary& vocabulary, Chunks chunks);
  ~FrozenReferenceMasks();
  /// Back to the first chunk.
  void rewind();
  /// The next `count` chunks, fewer at the end; their rectangle is as wide as the whole call's.
  CollatedBatch next(int64_t count, bool checksums);

 private:
  struct Place;
  std::unique_ptr<ReferenceMasker> masker_;
  Chunks chunks_;
  int64_t width_;
  std::unique_ptr<Place> place_;
};

}  // namespace tekio
