// The reference's collators, draw for draw. One call draws up to four numbers for every element of the padded
// rectangle: first all that choose, then all that mask, then all that randomise, then all replacements. They are
// stretches of one stream, so copies of the generator, each moved to its stretch, give them row by row. Words are
// chosen by other generators, row after row.
#include <array>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "data/batch_writer.h"
#include "data/chunks.h"
#include "data/legacy_words.h"
#include "data/masking.h"

namespace tekio {
namespace {

// rand < p for torch's 24-bit numbers: k * 2^-24 < p, k an integer, is k < ceil(p * 2^24), where p is a float as in
// torch.
uint32_t bound_of(float p) { return static_cast<uint32_t>(std::ceil(static_cast<double>(p) * 0x1p24)); }

}  // namespace

// The draws of one call over `elements`.
struct CallDraws {
  // Which of the four kinds there are.
  struct Kinds {
    bool choose, mask, randomise;
  };
  CallDraws(const ReferenceStreams& start, int64_t elements, const Kinds& kinds, double of_words_or_tokens)
      : rate(of_words_or_tokens),
        choose(start.torch),
        mask(start.torch),
        randomise(start.torch),
        replace(start.torch),
        numpy(start.numpy),
        python(start.python),
        kinds_(kinds) {
    if (kinds.choose) mask.skip_words(elements);
    if (!kinds.randomise) return;
    randomise = mask;
    randomise.skip_words(elements);
    replace = randomise;
    replace.skip_words(elements);
  }

  // What the streams are after the whole call.
  ReferenceStreams after() const {
    ReferenceStreams streams(0);
    streams.torch = kinds_.randomise ? replace : kinds_.mask ? mask : choose;
    streams.numpy = numpy;
    streams.python = python;
    return streams;
  }

  double rate;  // what share they choose
  TorchStream choose, mask, randomise, replace;
  NumpyLegacy numpy;
  PythonRandom python;

 private:
  Kinds kinds_;
};

class ReferenceMasker {
 public:
  ReferenceMasker(const CollatorOptions& options, const MaskingVocabulary& vocabulary)
      : options_(options), vocabulary_(vocabulary), rule_(rule_of(options)) {
    TEKIO_CHECK(vocabulary.size > 0 && vocabulary.size < int64_t{1} << 28, "{} entries",
                vocabulary.size);  // more: two words a draw
    if (rule_ == MaskingRule::offsets) {
      options_.mask_replace_prob = 1;
      options_.random_replace_prob = 0;
    }
  }

  const CollatorOptions& options() const { return options_; }
  const MaskingVocabulary& vocabulary() const { return vocabulary_; }
  CallDraws::Kinds kinds() const {
    const bool by_torch = rule_ != MaskingRule::words;
    return {
        .choose = by_torch && rule_ != MaskingRule::legacy, .mask = by_torch, .randomise = by_torch && randomises()};
  }

  /// The call's next row, of a rectangle that is `width` wide.
  void mask(const MaskingRow& row, int64_t width, CallDraws& draws, BatchWriter& writer) {
    input_.assign(row.ids.begin(), row.ids.end());
    chosen_.assign(row.ids.size(), 0);
    if (rule_ == MaskingRule::words) {
      choose_words(row, draws);
    } else {
      for (auto& words : words_) words.resize(static_cast<size_t>(width));
      if (rule_ == MaskingRule::legacy)
        choose_legacy_words(row, draws);
      else
        choose_by_torch(row, draws);
      replace(draws);
    }
    writer.add(input_, row.ids, chosen_);
  }

  /// Chunk `number` as the collator is to see it, until the next is asked for.
  MaskingRow row_of(const Chunks& chunks, int64_t number) {
    copy_ids(ChunksView::of(chunks), number, ids_);
    if (rule_ != MaskingRule::tokens) ChunksView::of(chunks).word_ids(number, word_ids_);
    return {.ids = ids_, .special_tokens_mask = {}, .word_ids = word_ids_};
  }

 private:
  bool randomises() const { return options_.mask_replace_prob < 1 && options_.random_replace_prob > 0; }
  bool drawn_below(size_t kind, size_t i, uint32_t bound) const { return (words_[kind][i] & 0xFFFFFF) < bound; }

  // Tokens, or words by their first tokens.
  void choose_by_torch(const MaskingRow& row, CallDraws& draws) {
    draws.choose.words(words_[0]);
    const uint32_t below = bound_of(static_cast<float>(draws.rate));
    bool chosen = false;
    for (size_t i = 0; i < row.ids.size(); ++i) {
      if (rule_ == MaskingRule::tokens || begins_word(row, i)) chosen = drawn_below(0, i, below);
      chosen_[i] = chosen && !special(row, i);
    }
  }

  // transformers 5: what follows a special token begins a word.
  bool begins_word(const MaskingRow& row, size_t i) const {
    return i == 0 || special(row, i - 1) || row.word_ids[i] != row.word_ids[i - 1];
  }

  // The walkthrough's: positions without a word are passed over without ending the word, so two neighbouring texts may
  // share one. Nothing else is drawn.
  void choose_words(const MaskingRow& row, CallDraws& draws) {
    std::optional<int32_t> word;
    bool word_chosen = false;
    for (size_t i = 0; i < row.ids.size(); ++i) {
      if (row.word_ids[i] == Encoding::kNoWord) continue;
      if (row.word_ids[i] != word) {
        word = row.word_ids[i];
        word_chosen = draws.numpy.binomial1(draws.rate) == 1;
      }
      if (!word_chosen) continue;
      chosen_[i] = 1;
      input_[i] = vocabulary_.mask_id;
    }
  }

  void choose_legacy_words(const MaskingRow& row, CallDraws& draws) {
    legacy_words(row.ids, row.word_ids, vocabulary_, ranges_);
    draws.python.shuffle(ranges_);
    take_legacy_words(ranges_, row.ids, draws.rate, vocabulary_, chosen_);
  }

  // What chosen tokens become.
  void replace(CallDraws& draws) {
    draws.mask.words(words_[1]);
    const uint32_t masked = bound_of(static_cast<float>(options_.mask_replace_prob));
    uint32_t randomised = 0;
    if (randomises()) {
      draws.randomise.words(words_[2]);
      draws.replace.words(words_[3]);
      randomised = bound_of(static_cast<float>(options_.random_replace_prob / (1 - options_.mask_replace_prob)));
    }
    const auto size = static_cast<uint32_t>(vocabulary_.size);
    for (size_t i = 0; i < input_.size(); ++i) {
      if (chosen_[i] == 0) continue;
      if (drawn_below(1, i, masked))
        input_[i] = vocabulary_.mask_id;
      else if (randomised != 0 && drawn_below(2, i, randomised))
        input_[i] = static_cast<int32_t>(words_[3][i] % size);
    }
  }

  bool special(const MaskingRow& row, size_t i) const {
    return row.special_tokens_mask.empty() ? vocabulary_.is_special(row.ids[i]) : row.special_tokens_mask[i] != 0;
  }

  CollatorOptions options_;
  MaskingVocabulary vocabulary_;
  MaskingRule rule_;
  std::vector<int32_t> ids_, word_ids_;  // of the chunk at hand
  std::vector<int32_t> input_;           // of the row being masked
  std::vector<uint8_t> chosen_;
  std::vector<TokenRange> ranges_;
  std::array<std::vector<uint32_t>, 4> words_;  // its draws, kind by kind
};

namespace {

// One call of the collator over `rows` rows, the longest of `longest` tokens.
class CallInProgress {
 public:
  CallInProgress(ReferenceMasker& masker, ReferenceStreams& streams, size_t rows, int64_t longest,
                 const CollatorCall& call)
      : masker_(masker),
        streams_(streams),
        width_(padded_width(longest, masker.options().pad_to_multiple_of)),
        draws_(streams, width_ * static_cast<int64_t>(rows), masker.kinds(),
               call.rate.value_or(masker.options().rate())),
        writer_(width_, masker.vocabulary().pad_id, call.checksums) {}

  void add(const MaskingRow& row) { masker_.mask(row, width_, draws_, writer_); }

  CollatedBatch finish() {
    streams_ = draws_.after();
    return writer_.finish();
  }

 private:
  ReferenceMasker& masker_;
  ReferenceStreams& streams_;
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
  CallInProgress work(*masker_, streams_, rows.size(), static_cast<int64_t>(longest), {.checksums = checksums});
  for (const MaskingRow& row : rows) work.add(row);
  return work.finish();
}

CollatedBatch ReferenceCollator::collate(const Chunks& chunks, std::span<const int64_t> numbers,
                                         const CollatorCall& call) {
  int64_t longest = 0;
  for (const int64_t number : numbers) longest = std::max(longest, ChunksView::of(chunks).ids(number).size());
  CallInProgress work(*masker_, streams_, numbers.size(), longest, call);
  for (const int64_t number : numbers) work.add(masker_->row_of(chunks, number));
  return work.finish();
}

std::unique_ptr<Collator> make_reference_collator(const CollatorOptions& options, const MaskingVocabulary& vocabulary,
                                                  ReferenceStreams& streams) {
  return std::make_unique<ReferenceCollator>(options, vocabulary, streams);
}

struct FrozenReferenceMasks::Place {
  Place(const CollatorOptions& options, int64_t elements, const CallDraws::Kinds& kinds)
      : draws(ReferenceStreams(options.seed), elements, kinds, options.rate()) {}
  CallDraws draws;
  int64_t next = 0;  // chunk
};

FrozenReferenceMasks::FrozenReferenceMasks(const CollatorOptions& options, const MaskingVocabulary& vocabulary,
                                           Chunks chunks)
    : masker_(std::make_unique<ReferenceMasker>(options, vocabulary)), chunks_(std::move(chunks)) {
  int64_t longest = 0;
  for (int64_t i = 0; i < chunks_.size() && longest < chunks_.chunk_size(); ++i)
    longest = std::max(longest, ChunksView::of(chunks_).ids(i).size());
  width_ = padded_width(longest, options.pad_to_multiple_of);
  rewind();
}
FrozenReferenceMasks::~FrozenReferenceMasks() = default;

void FrozenReferenceMasks::rewind() {
  place_ = std::make_unique<Place>(masker_->options(), width_ * chunks_.size(), masker_->kinds());
}

CollatedBatch FrozenReferenceMasks::next(int64_t count, bool checksums) {
  BatchWriter writer(width_, masker_->vocabulary().pad_id, checksums);
  for (const int64_t end = std::min(chunks_.size(), place_->next + count); place_->next < end; ++place_->next)
    masker_->mask(masker_->row_of(chunks_, place_->next), width_, place_->draws, writer);
  return writer.finish();
}

}  // namespace tekio
