// The reference's collators, draw for draw. One call draws four numbers for every element of the padded rectangle:
// first all that choose, then all that mask, then all that randomise, then all replacements. They are four stretches of
// one stream, so four copies of the generator, each moved to its stretch, give them row by row.
#include <array>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "data/batch_writer.h"
#include "data/chunks.h"
#include "data/masking.h"

namespace tekio {
namespace {

// rand < p for torch's 24-bit numbers: k * 2^-24 < p, k an integer, is k < ceil(p * 2^24), where p is a float as in
// torch.
uint32_t bound_of(float p) { return static_cast<uint32_t>(std::ceil(static_cast<double>(p) * 0x1p24)); }

}  // namespace

// The draws of one call over `elements`.
struct CallDraws {
  CallDraws(const TorchStream& start, int64_t elements, bool randomising)
      : choose(start), mask(start), randomise(start), replace(start) {
    mask.skip_words(elements);
    if (!randomising) return;
    randomise = mask;
    randomise.skip_words(elements);
    replace = randomise;
    replace.skip_words(elements);
  }
  TorchStream choose, mask, randomise, replace;
};

class ReferenceMasker {
 public:
  ReferenceMasker(const CollatorOptions& options, const MaskingVocabulary& vocabulary)
      : options_(options), vocabulary_(vocabulary) {
    TEKIO_CHECK(vocabulary.size > 0 && vocabulary.size < int64_t{1} << 28, "{} entries",
                vocabulary.size);  // more: two words a draw
  }

  const CollatorOptions& options() const { return options_; }
  const MaskingVocabulary& vocabulary() const { return vocabulary_; }
  /// Whether replacements are drawn at all.
  bool randomising() const { return options_.mask_replace_prob < 1 && options_.random_replace_prob > 0; }

  void mask_tokens(const MaskingRow& row, int64_t width, CallDraws& draws, BatchWriter& writer) {
    start(row);
    for (auto& words : words_) words.resize(static_cast<size_t>(width));
    draws.choose.words(words_[0]);
    draws.mask.words(words_[1]);
    if (randomising()) {
      draws.randomise.words(words_[2]);
      draws.replace.words(words_[3]);
    }
    const auto below = [&](size_t kind, size_t i, uint32_t bound) { return (words_[kind][i] & 0xFFFFFF) < bound; };
    const uint32_t chosen = bound_of(static_cast<float>(options_.mlm_probability));
    const uint32_t masked = bound_of(static_cast<float>(options_.mask_replace_prob));
    const uint32_t randomised =
        randomising() ? bound_of(static_cast<float>(options_.random_replace_prob / (1 - options_.mask_replace_prob)))
                      : 0;
    const auto size = static_cast<uint32_t>(vocabulary_.size);
    bool word_chosen = false;
    for (size_t i = 0; i < row.ids.size(); ++i) {
      const bool drawn = below(0, i, chosen);
      if (!row.offsets.empty() && begins_word(row, i)) word_chosen = drawn;
      if (!(row.offsets.empty() ? drawn : word_chosen) || special(row, i)) continue;
      chosen_[i] = 1;
      if (below(1, i, masked))
        input_[i] = vocabulary_.mask_id;
      else if (randomised != 0 && below(2, i, randomised))
        input_[i] = static_cast<int32_t>(words_[3][i] % size);
    }
    writer.add(input_, row.ids, chosen_);
  }

  // The walkthrough's: positions without a word are passed over without ending the word, so two neighbouring texts may
  // share one.
  void mask_words(const MaskingRow& row, NumpyLegacy& stream, BatchWriter& writer) {
    start(row);
    std::optional<int32_t> word;
    bool word_chosen = false;
    for (size_t i = 0; i < row.ids.size(); ++i) {
      if (row.word_ids[i] == Encoding::kNoWord) continue;
      if (row.word_ids[i] != word) {
        word = row.word_ids[i];
        word_chosen = stream.binomial1(options_.wwm_probability) == 1;
      }
      if (!word_chosen) continue;
      chosen_[i] = 1;
      input_[i] = vocabulary_.mask_id;
    }
    writer.add(input_, row.ids, chosen_);
  }

  /// Chunk `number` as the collator is to see it, until the next is asked for.
  MaskingRow row_of(const Chunks& chunks, int64_t number) {
    copy_ids(chunks.view(), number, ids_);
    if (options_.whole_word_mask) chunks.view().word_ids(number, word_ids_);
    return {.ids = ids_, .special_tokens_mask = {}, .offsets = {}, .word_ids = word_ids_};
  }

 private:
  void start(const MaskingRow& row) {
    input_.assign(row.ids.begin(), row.ids.end());
    chosen_.assign(row.ids.size(), 0);
  }

  bool special(const MaskingRow& row, size_t i) const {
    return row.special_tokens_mask.empty() ? vocabulary_.is_special(row.ids[i]) : row.special_tokens_mask[i] != 0;
  }

  // transformers 5: a word goes on where a token begins at the character at which the one before it ended.
  bool begins_word(const MaskingRow& row, size_t i) const {
    return i == 0 || special(row, i - 1) || row.offsets[i].first != row.offsets[i - 1].second;
  }

  CollatorOptions options_;
  MaskingVocabulary vocabulary_;
  std::vector<int32_t> ids_, word_ids_;  // of the chunk at hand
  std::vector<int32_t> input_;           // of the row being masked
  std::vector<uint8_t> chosen_;
  std::array<std::vector<uint32_t>, 4> words_;  // its draws, kind by kind
};

namespace {

// One call of the collator over `rows` rows, the longest of `longest` tokens.
class CollatorCall {
 public:
  CollatorCall(ReferenceMasker& masker, ReferenceStreams& streams, bool by_words, size_t rows, int64_t longest,
               bool checksums)
      : masker_(masker),
        streams_(streams),
        by_words_(by_words),
        width_(padded_width(longest, masker.options().pad_to_multiple_of)),
        draws_(streams.torch, by_words ? 0 : width_ * static_cast<int64_t>(rows), masker.randomising()),
        writer_(width_, masker.vocabulary().pad_id, checksums) {}

  void add(const MaskingRow& row) {
    if (by_words_)
      masker_.mask_words(row, streams_.numpy, writer_);
    else
      masker_.mask_tokens(row, width_, draws_, writer_);
  }

  CollatedBatch finish() {
    if (!by_words_) streams_.torch = masker_.randomising() ? draws_.replace : draws_.mask;
    return writer_.finish();
  }

 private:
  ReferenceMasker& masker_;
  ReferenceStreams& streams_;
  bool by_words_;
  int64_t width_;
  CallDraws draws_;
  BatchWriter writer_;
};

}  // namespace

ReferenceCollator::ReferenceCollator(const CollatorOptions& options, const MaskingVocabulary& vocabulary,
                                     ReferenceStreams& streams)
    : masker_(std::make_unique<ReferenceMasker>(options, vocabulary)), streams_(streams) {}
ReferenceCollator::~ReferenceCollator() = default;

CollatedBatch ReferenceCollator::collate(std::span<const MaskingRow> rows, bool checksums) {
  size_t longest = 0;
  for (const MaskingRow& row : rows) longest = std::max(longest, row.ids.size());
  const bool by_words = !rows.empty() && !rows[0].word_ids.empty();
  CollatorCall call(*masker_, streams_, by_words, rows.size(), static_cast<int64_t>(longest), checksums);
  for (const MaskingRow& row : rows) call.add(row);
  return call.finish();
}

CollatedBatch ReferenceCollator::collate(const Chunks& chunks, std::span<const int64_t> numbers, uint64_t,
                                         bool checksums) {
  int64_t longest = 0;
  for (const int64_t number : numbers) longest = std::max(longest, chunks.view().ids(number).size());
  CollatorCall call(*masker_, streams_, masker_->options().whole_word_mask, numbers.size(), longest, checksums);
  for (const int64_t number : numbers) call.add(masker_->row_of(chunks, number));
  return call.finish();
}

std::unique_ptr<Collator> make_reference_collator(const CollatorOptions& options, const MaskingVocabulary& vocabulary,
                                                  ReferenceStreams& streams) {
  return std::make_unique<ReferenceCollator>(options, vocabulary, streams);
}

struct FrozenReferenceMasks::Place {
  Place(uint64_t seed, int64_t elements, bool randomising)
      : draws(TorchStream(seed), elements, randomising), numpy(seed) {}
  CallDraws draws;
  NumpyLegacy numpy;
  int64_t next = 0;  // chunk
};

FrozenReferenceMasks::FrozenReferenceMasks(const CollatorOptions& options, const MaskingVocabulary& vocabulary,
                                           Chunks chunks)
    : masker_(std::make_unique<ReferenceMasker>(options, vocabulary)), chunks_(std::move(chunks)) {
  int64_t longest = 0;
  for (int64_t i = 0; i < chunks_.size() && longest < chunks_.chunk_size(); ++i)
    longest = std::max(longest, chunks_.view().ids(i).size());
  width_ = padded_width(longest, options.pad_to_multiple_of);
  rewind();
}
FrozenReferenceMasks::~FrozenReferenceMasks() = default;

void FrozenReferenceMasks::rewind() {
  place_ = std::make_unique<Place>(masker_->options().seed, width_ * chunks_.size(), masker_->randomising());
}

CollatedBatch FrozenReferenceMasks::next(int64_t count, bool checksums) {
  BatchWriter writer(width_, masker_->vocabulary().pad_id, checksums);
  for (const int64_t end = std::min(chunks_.size(), place_->next + count); place_->next < end; ++place_->next) {
    const MaskingRow row = masker_->row_of(chunks_, place_->next);
    if (masker_->options().whole_word_mask)
      masker_->mask_words(row, place_->numpy, writer);
    else
      masker_->mask_tokens(row, width_, place_->draws, writer);
  }
  return writer.finish();
}

}  // namespace tekio
